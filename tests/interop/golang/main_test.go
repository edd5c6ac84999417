// Package interop tests one running etcd endpoint with etcd's own Go client. Nothing here starts
// or knows a server: the endpoint comes from -endpoint or FAKE_ETCD_ENDPOINT, and every test is
// true of real etcd 3.7.3 as well. One test runs at a time, and nobody else writes meanwhile, so
// revisions are predictable from the one that the test begins at.
package interop

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

var (
	endpoint = flag.String("endpoint", os.Getenv("FAKE_ETCD_ENDPOINT"), "URL of the server under test")
	caCert   = flag.String("cacert", "", "file with the certificate that vouches for it; empty: it has no TLS")
	cert     = flag.String("cert", "", "file with the client's certificate")
	key      = flag.String("key", "", "file with the key of that")
)

// patience bounds a test that has gone wrong; nothing is expected to come near it.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	flag.Parse()
	if *endpoint == "" {
		fmt.Fprintln(os.Stderr, "say which server to test: -endpoint URL or FAKE_ETCD_ENDPOINT")
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// room is what a test has to itself: a client, a prefix for its keys, and the revision at which
// it began.
type room struct {
	*testing.T
	ctx    context.Context
	client *clientv3.Client
	prefix string
	base   int64
}

func enter(t *testing.T) *room {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	r := &room{T: t, ctx: ctx, client: connect(t, clientv3.Config{}), prefix: t.Name() + "/"}
	_, err := r.client.Delete(ctx, r.prefix, clientv3.WithPrefix())
	must(t, err)
	resp, err := r.client.Get(ctx, r.prefix)
	must(t, err)
	r.base = resp.Header.Revision
	return r
}

// connect opens a client and fills in what the configuration leaves open.
func connect(t *testing.T, config clientv3.Config) *clientv3.Client {
	t.Helper()
	if config.Endpoints == nil {
		config.Endpoints = []string{*endpoint}
	}
	if *caCert != "" {
		info := transport.TLSInfo{CertFile: *cert, KeyFile: *key, TrustedCAFile: *caCert}
		secure, err := info.ClientConfig()
		must(t, err)
		config.TLS = secure
	}
	config.DialTimeout = 5 * time.Second
	config.Logger = zap.NewNop()
	client, err := clientv3.New(config)
	must(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

// key is a name inside the test's prefix.
func (r *room) key(name string) string { return r.prefix + name }

// put writes a key of the test and gives the revision, counted from the test's beginning.
func (r *room) put(name, value string) int64 {
	r.Helper()
	resp, err := r.client.Put(r.ctx, r.key(name), value)
	must(r.T, err)
	return resp.Header.Revision - r.base
}

// get asks for a key or range of the test and insists on an answer.
func (r *room) get(name string, opts ...clientv3.OpOption) *clientv3.GetResponse {
	r.Helper()
	resp, err := r.client.Get(r.ctx, r.key(name), opts...)
	must(r.T, err)
	return resp
}

// show renders a key-value with everything that the server says of it, revisions counted from
// the test's beginning: "a=1 created+1 modified+2 version2".
func (r *room) show(kv *mvccpb.KeyValue) string {
	text := fmt.Sprintf("%s=%s created+%d modified+%d version%d",
		strings.TrimPrefix(string(kv.Key), r.prefix), kv.Value,
		kv.CreateRevision-r.base, kv.ModRevision-r.base, kv.Version)
	if kv.Lease != 0 {
		text += fmt.Sprintf(" lease%d", kv.Lease)
	}
	return text
}

func (r *room) showAll(kvs []*mvccpb.KeyValue) []string {
	lines := []string{}
	for _, kv := range kvs {
		lines = append(lines, r.show(kv))
	}
	return lines
}

// wantKVs compares whole key-values, in order.
func (r *room) wantKVs(kvs []*mvccpb.KeyValue, want ...string) {
	r.Helper()
	if got := r.showAll(kvs); !slices.Equal(got, want) {
		r.Errorf("key-values\n got %s\nwant %s", strings.Join(got, "; "), strings.Join(want, "; "))
	}
}

// names lists the keys of an answer inside the test's prefix.
func (r *room) names(kvs []*mvccpb.KeyValue) string {
	var names []string
	for _, kv := range kvs {
		names = append(names, strings.TrimPrefix(string(kv.Key), r.prefix))
	}
	return strings.Join(names, " ")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[V comparable](t *testing.T, what string, got, want V) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// deadPort is an address that refuses connections: it was listened on and closed again.
func deadPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// silentPort is an address that takes connections and never says a word.
func silentPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { connection.Close() })
		}
	}()
	return listener.Addr().String()
}
