package interop

import (
	"context"
	"net"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
)

// The program that the client's own README shows is what this project began with: three
// endpoints and a dial timeout, a put under a timeout, and a switch over how it can fail. Here
// every arm of that switch is entered, by the cause that its text names.

// outcome sorts an error the way the README does: by identity, not by errors.Is.
func outcome(err error) string {
	if err == nil {
		return "response"
	}
	switch err {
	case context.Canceled:
		return "canceled by another routine"
	case context.DeadlineExceeded:
		return "deadline exceeded"
	case rpctypes.ErrEmptyKey:
		return "client-side error"
	default:
		return "bad cluster endpoints"
	}
}

// readmeClient has three endpoints, of which the server under test is the last.
func readmeClient(t *testing.T) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{
		Endpoints:   []string{deadPort(t), deadPort(t), *endpoint},
		DialTimeout: 5 * time.Second,
	})
	must(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

func TestReadmeTimedPut(t *testing.T) {
	r := enter(t)
	client := readmeClient(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	resp, err := client.Put(ctx, r.key("sample_key"), "sample_value")
	cancel()
	equal(t, "outcome", outcome(err), "response")
	equal(t, "revision", resp.Header.Revision-r.base, 1)
	r.wantKVs(r.get("sample_key").Kvs, "sample_key=sample_value created+1 modified+1 version1")
}

func TestReadmeEmptyKey(t *testing.T) {
	client := readmeClient(t)
	_, err := client.Put(context.Background(), "", "")
	equal(t, "outcome", outcome(err), "client-side error")
}

func TestReadmeCanceledByAnotherRoutine(t *testing.T) {
	r := enter(t)
	client := readmeClient(t)
	ctx, cancel := context.WithCancel(context.Background())
	routine := time.AfterFunc(10*time.Millisecond, cancel)
	defer routine.Stop()
	var err error
	for err == nil {
		_, err = client.Put(ctx, r.key("sample_key"), "sample_value")
	}
	equal(t, "outcome", outcome(err), "canceled by another routine")
}

func TestReadmeDeadlineExceeded(t *testing.T) {
	r := enter(t)
	client := readmeClient(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	var err error
	for err == nil {
		_, err = client.Put(ctx, r.key("sample_key"), "sample_value")
	}
	equal(t, "outcome", outcome(err), "deadline exceeded")
}

func TestReadmeDeadlineExceededBySilence(t *testing.T) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints:   []string{silentPort(t), silentPort(t), silentPort(t)},
		DialTimeout: 5 * time.Second,
	})
	must(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err = client.Put(ctx, "sample_key", "sample_value")
	equal(t, "outcome", outcome(err), "deadline exceeded")
}

func TestReadmeBadEndpointsThatAreNotEtcd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	stranger := grpc.NewServer()
	go stranger.Serve(listener)
	defer stranger.Stop()
	client, err := clientv3.New(clientv3.Config{
		Endpoints:   []string{listener.Addr().String()},
		DialTimeout: 5 * time.Second,
	})
	must(t, err)
	defer client.Close()
	_, err = client.Put(context.Background(), "sample_key", "sample_value")
	equal(t, "outcome", outcome(err), "bad cluster endpoints")
}

// Dead ports alone never reach the default arm: the client goes on waiting for one of them.
func TestReadmeDeadlineExceededByDeadEndpoints(t *testing.T) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints:   []string{deadPort(t), deadPort(t), deadPort(t)},
		DialTimeout: 5 * time.Second,
	})
	must(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err = client.Put(ctx, "sample_key", "sample_value")
	equal(t, "outcome", outcome(err), "deadline exceeded")
}
