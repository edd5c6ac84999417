// Command checks holds the official Go client against a running server. Compiled for each version
// of the client, whose go.mod is in the folder of its name.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	large    = 1_400_000
	tooLarge = 1_600_000
	many     = 100
	patience = time.Minute
	deadline = 500 * time.Millisecond
)

var (
	ctx     = context.Background()
	direct  = connect(os.Getenv("CLIENT_DIRECT"), "", "")
	through = connect(os.Getenv("CLIENT_THROUGH"), "", "")
	input   = bufio.NewReader(os.Stdin)
)

func main() {
	checks := map[string]func(){
		"put": put, "get": get, "prefix": prefix, "txn": txn, "watch": watch,
		"resume": resume, "lease": lease, "deadline": deadlines, "cancel": cancel,
		"large": largeValue, "concurrent": concurrent, "members": members, "tls": secure,
		"auth": auth,
	}
	for _, name := range strings.Split(os.Getenv("CLIENT_CHECKS"), ",") {
		line := map[string]any{"check": name, "ok": true}
		func() {
			defer func() {
				if wrong := recover(); wrong != nil {
					line["ok"], line["detail"] = false, fmt.Sprint(wrong)
				}
			}()
			checks[name]()
		}()
		say(line)
	}
}

func say(line map[string]any) {
	text, err := json.Marshal(line)
	must(err)
	fmt.Println(string(text))
}

// ask has the proxy cut, stall or flow.
func ask(what string) {
	say(map[string]any{"do": what})
	answer, err := input.ReadString('\n')
	must(err)
	same(answer, "done\n")
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func same(found, wanted any) {
	if f, w := fmt.Sprintf("%v", found), fmt.Sprintf("%v", wanted); f != w {
		panic(fmt.Sprintf("%.300s instead of %.300s", f, w))
	}
}

func fails(err, wanted error) {
	if !errors.Is(err, wanted) {
		panic(fmt.Sprintf("%v instead of %v", err, wanted))
	}
}

// ends holds a call's error to a code, whether the context or the status has it.
func ends(err error, code codes.Code, orElse error) {
	if !errors.Is(err, orElse) && status.Code(err) != code {
		panic(fmt.Sprintf("%v instead of %v", err, code))
	}
}

func connect(place, user, password string) *clientv3.Client {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{place}, DialTimeout: patience, Username: user, Password: password,
		MaxCallSendMsgSize: 1 << 30, // so that it is the server that says what is too large
	})
	must(err)
	return client
}

func putValue(key, value string, options ...clientv3.OpOption) *clientv3.PutResponse {
	answer, err := direct.Put(ctx, key, value, options...)
	must(err)
	return answer
}

func find(key string, options ...clientv3.OpOption) *clientv3.GetResponse {
	answer, err := direct.Get(ctx, key, options...)
	must(err)
	return answer
}

func values(answer *clientv3.GetResponse) (found []string) {
	for _, kv := range answer.Kvs {
		found = append(found, string(kv.Value))
	}
	return
}

func put() {
	first := putValue("put/a", "1").Header.Revision
	same(putValue("put/a", "2").Header.Revision, first+1)
	before := putValue("put/a", "3", clientv3.WithPrevKV()).PrevKv
	same(string(before.Value), "2")
	same(before.Version, 2)
	same(before.ModRevision, first+1)
	_, err := direct.Put(ctx, "", "x")
	fails(err, rpctypes.ErrEmptyKey)
}

func get() {
	revision := putValue("get/a", "1").Header.Revision
	putValue("get/a", "2")
	now := find("get/a")
	same(values(now), []string{"2"})
	same(now.Kvs[0].CreateRevision, revision)
	same(now.Kvs[0].Version, 2)
	same(values(find("get/a", clientv3.WithRev(revision))), []string{"1"})
	same(find("get/none").Count, 0)
}

func prefix() {
	for number := range 5 {
		putValue(fmt.Sprint("prefix/", number), fmt.Sprint(number))
	}
	same(values(find("prefix/", clientv3.WithPrefix())), []string{"0", "1", "2", "3", "4"})
	page := find("prefix/", clientv3.WithPrefix(), clientv3.WithLimit(2),
		clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
	same(values(page), []string{"4", "3"})
	same(page.More, true)
	same(page.Count, 5)
	gone, err := direct.Delete(ctx, "prefix/", clientv3.WithPrefix())
	must(err)
	same(gone.Deleted, 5)
}

func txn() {
	putValue("txn/a", "1")
	swap := func() *clientv3.TxnResponse {
		answer, err := direct.Txn(ctx).
			If(clientv3.Compare(clientv3.Value("txn/a"), "=", "1")).
			Then(clientv3.OpPut("txn/a", "2"), clientv3.OpGet("txn/a")).
			Else(clientv3.OpDelete("txn/a")).
			Commit()
		must(err)
		return answer
	}
	done := swap()
	same(done.Succeeded, true)
	same(string(done.Responses[1].GetResponseRange().Kvs[0].Value), "2")
	done = swap()
	same(done.Succeeded, false)
	same(done.Responses[0].GetResponseDeleteRange().Deleted, 1)
}

// told is so many events of a watcher, each as text.
func told(events clientv3.WatchChan, count int) (found []string) {
	late := time.After(patience)
	for len(found) < count {
		select {
		case answer, open := <-events:
			if !open {
				panic("the watcher ended")
			}
			must(answer.Err())
			for _, event := range answer.Events {
				text := fmt.Sprintf("%v %s=%s", event.Type, event.Kv.Key, event.Kv.Value)
				if event.PrevKv != nil {
					text += fmt.Sprintf(" was %s", event.PrevKv.Value)
				}
				found = append(found, text)
			}
		case <-late:
			panic(fmt.Sprintf("only %v", found))
		}
	}
	return
}

func watch() {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	options := []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithPrevKV()}
	events := direct.Watch(watching, "watch/", append(options, clientv3.WithCreatedNotify())...)
	same((<-events).Created, true)
	revision := putValue("watch/a", "1").Header.Revision
	putValue("watch/a", "2")
	_, err := direct.Delete(ctx, "watch/a")
	must(err)
	wanted := []string{"PUT watch/a=1", "PUT watch/a=2 was 1", "DELETE watch/a= was 2"}
	same(told(events, 3), wanted)
	past := direct.Watch(watching, "watch/", append(options, clientv3.WithRev(revision))...)
	same(told(past, 3), wanted)
}

func resume() {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	events := through.Watch(watching, "resume/", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	same((<-events).Created, true)
	var found, wanted []string
	for number := range 4 {
		putValue("resume/a", fmt.Sprint(number))
		wanted = append(wanted, fmt.Sprint("PUT resume/a=", number))
		found = append(found, told(events, 1)...)
		ask("cut")
	}
	putValue("resume/a", "end")
	same(append(found, told(events, 1)...), append(wanted, "PUT resume/a=end"))
}

func lease() {
	granted, err := direct.Grant(ctx, 60)
	must(err)
	same(granted.TTL, 60)
	putValue("lease/a", "1", clientv3.WithLease(granted.ID))
	once, err := direct.KeepAliveOnce(ctx, granted.ID)
	must(err)
	same(once.TTL, 60)
	keeping, stop := context.WithCancel(ctx)
	defer stop()
	kept, err := direct.KeepAlive(keeping, granted.ID)
	must(err)
	same((<-kept).TTL, 60)
	left, err := direct.TimeToLive(ctx, granted.ID, clientv3.WithAttachedKeys())
	must(err)
	same(left.GrantedTTL, 60)
	same(string(bytes.Join(left.Keys, nil)), "lease/a")
	_, err = direct.Revoke(ctx, granted.ID)
	must(err)
	same(find("lease/a").Count, 0)
}

func deadlines() {
	_, err := through.Get(ctx, "a")
	must(err)
	ask("stall")
	soon, stop := context.WithTimeout(ctx, deadline)
	defer stop()
	_, err = through.Get(soon, "a")
	ends(err, codes.DeadlineExceeded, context.DeadlineExceeded)
	ask("flow")
	_, err = through.Get(ctx, "a")
	must(err)
}

func cancel() {
	_, err := through.Get(ctx, "a")
	must(err)
	ask("stall")
	calling, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() {
		_, err := through.Get(calling, "a")
		ended <- err
	}()
	stop()
	ends(<-ended, codes.Canceled, context.Canceled)
	ask("flow")
	_, err = through.Get(ctx, "a")
	must(err)
	watching, stop := context.WithCancel(ctx)
	events := direct.Watch(watching, "cancel/", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	same((<-events).Created, true)
	stop()
	for answer := range events { // until it is closed
		same(len(answer.Events), 0)
	}
	putValue("cancel/a", "1")
}

func largeValue() {
	value := string(bytes.Repeat([]byte{0, 1, 2, 0xfd, 0xfe}, large/5))
	putValue("large", value)
	if string(find("large").Kvs[0].Value) != value {
		panic("another value")
	}
	_, err := direct.Put(ctx, "large", string(make([]byte, tooLarge)))
	fails(err, rpctypes.ErrRequestTooLarge)
}

func concurrent() {
	before := putValue("concurrent", "").Header.Revision
	revisions, wrong := make([]int64, many), make([]error, many)
	var all sync.WaitGroup
	for number := range many {
		all.Add(1)
		go func() {
			defer all.Done()
			answer, err := direct.Put(ctx, fmt.Sprint("concurrent/", number), "")
			if wrong[number] = err; err == nil {
				revisions[number] = answer.Header.Revision
			}
		}()
	}
	all.Wait()
	must(errors.Join(wrong...))
	slices.Sort(revisions)
	for number, revision := range revisions {
		same(revision, before+1+int64(number))
	}
	same(find("concurrent/", clientv3.WithPrefix()).Count, many)
}

func members() {
	listed, err := direct.MemberList(ctx)
	must(err)
	same(len(listed.Members), 1)
	same(listed.Members[0].Name, "default")
	status, err := direct.Status(ctx, os.Getenv("CLIENT_DIRECT"))
	must(err)
	same(status.Version, "3.7.3")
	same(status.Leader, listed.Members[0].ID)
}

func secure() {
	ca, err := os.ReadFile(os.Getenv("CLIENT_CA"))
	must(err)
	pool := x509.NewCertPool()
	same(pool.AppendCertsFromPEM(ca), true)
	own, err := tls.LoadX509KeyPair(os.Getenv("CLIENT_CERT"), os.Getenv("CLIENT_KEY"))
	must(err)
	client, err := clientv3.New(clientv3.Config{
		Endpoints:   []string{"https://" + os.Getenv("CLIENT_SECURE")},
		DialTimeout: patience,
		TLS:         &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}},
	})
	must(err)
	defer client.Close()
	_, err = client.Put(ctx, "tls", "1")
	must(err)
	answer, err := client.Get(ctx, "tls")
	must(err)
	same(values(answer), []string{"1"})
}

func auth() {
	role := func(_ any, err error) { must(err) }
	role(direct.UserAdd(ctx, "root", "r"))
	role(direct.UserGrantRole(ctx, "root", "root"))
	role(direct.UserAdd(ctx, "alice", "a"))
	role(direct.RoleAdd(ctx, "writer"))
	readWrite := clientv3.PermissionType(clientv3.PermReadWrite)
	role(direct.RoleGrantPermission(ctx, "writer", "alice/", "alice0", readWrite))
	role(direct.UserGrantRole(ctx, "alice", "writer"))
	role(direct.AuthEnable(ctx))
	_, err := direct.Get(ctx, "alice/a")
	fails(err, rpctypes.ErrUserEmpty)
	_, err = clientv3.New(clientv3.Config{
		Endpoints: []string{os.Getenv("CLIENT_DIRECT")}, DialTimeout: patience,
		Username: "alice", Password: "wrong",
	})
	same(rpctypes.Error(err), rpctypes.ErrAuthFailed)
	alice := connect(os.Getenv("CLIENT_DIRECT"), "alice", "a")
	defer alice.Close()
	_, err = alice.Put(ctx, "alice/a", "1")
	must(err)
	answer, err := alice.Get(ctx, "alice/a")
	must(err)
	same(values(answer), []string{"1"})
	_, err = alice.Put(ctx, "bob/a", "1")
	fails(err, rpctypes.ErrPermissionDenied)
	root := connect(os.Getenv("CLIENT_DIRECT"), "root", "r")
	defer root.Close()
	role(root.Put(ctx, "bob/a", "2"))
	role(root.AuthDisable(ctx))
	same(values(find("bob/a")), []string{"2"})
}
