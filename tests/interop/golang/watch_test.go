package interop

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// told waits until a watch channel has told so many events, and gives them as "PUT a=1@1":
// type, key, value, and the revision counted from the test's beginning.
func (r *room) told(channel clientv3.WatchChan, count int) []string {
	r.Helper()
	var lines []string
	for len(lines) < count {
		select {
		case response, ok := <-channel:
			if !ok || response.Err() != nil {
				r.Fatalf("the watch ended after %v: %v", lines, response.Err())
			}
			for _, event := range response.Events {
				name := strings.TrimPrefix(string(event.Kv.Key), r.prefix)
				lines = append(lines, fmt.Sprintf(
					"%s %s=%s@%d", event.Type, name, event.Kv.Value, event.Kv.ModRevision-r.base))
			}
		case <-r.ctx.Done():
			r.Fatalf("nothing more after %v", lines)
		}
	}
	return lines
}

func (r *room) wantTold(channel clientv3.WatchChan, want ...string) {
	r.Helper()
	if got := r.told(channel, len(want)); !slices.Equal(got, want) {
		r.Errorf("events\n got %s\nwant %s", strings.Join(got, "; "), strings.Join(want, "; "))
	}
}

func TestWatchTellsWhatHappensAndWhatHasHappened(t *testing.T) {
	r := enter(t)
	r.put("a", "1")
	live := r.client.Watch(r.ctx, r.prefix, clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	if response := <-live; !response.Created {
		t.Fatalf("the first answer says that it is created, got %v", response)
	}
	r.put("b", "2")
	_, err := r.client.Delete(r.ctx, r.key("a"))
	must(t, err)
	r.wantTold(live, "PUT b=2@2", "DELETE a=@3")
	past := r.client.Watch(r.ctx, r.prefix, clientv3.WithPrefix(), clientv3.WithRev(r.base+1))
	r.wantTold(past, "PUT a=1@1", "PUT b=2@2", "DELETE a=@3")
}

func TestWatchFiltersAndPreviousPairs(t *testing.T) {
	r := enter(t)
	r.put("a", "1")
	r.put("a", "2")
	_, err := r.client.Delete(r.ctx, r.key("a"))
	must(t, err)
	options := []clientv3.OpOption{clientv3.WithRev(r.base + 1), clientv3.WithPrevKV()}
	puts := r.client.Watch(r.ctx, r.key("a"), append(options, clientv3.WithFilterDelete())...)
	response := <-puts
	equal(t, "events", len(response.Events), 2)
	if response.Events[0].PrevKv != nil {
		t.Errorf("a new key has no previous pair, got %v", response.Events[0].PrevKv)
	}
	equal(t, "previous", r.show(response.Events[1].PrevKv), "a=1 created+1 modified+1 version1")
	deletes := r.client.Watch(r.ctx, r.key("a"), append(options, clientv3.WithFilterPut())...)
	response = <-deletes
	equal(t, "events", len(response.Events), 1)
	equal(t, "previous", r.show(response.Events[0].PrevKv), "a=2 created+1 modified+2 version2")
}

func TestWatchOfCompactedRevisionsSaysWhatIsLeft(t *testing.T) {
	r := enter(t)
	r.put("a", "1")
	r.put("a", "2")
	_, err := r.client.Compact(r.ctx, r.base+2)
	must(t, err)
	response := <-r.client.Watch(r.ctx, r.key("a"), clientv3.WithRev(r.base+1))
	equal(t, "canceled", response.Canceled, true)
	equal(t, "compact revision", response.CompactRevision, r.base+2)
	equal(t, "error", response.Err().Error(), "etcdserver: mvcc: required revision has been compacted")
}

func TestWatchProgressIsToldWhenItIsAskedFor(t *testing.T) {
	r := enter(t)
	channel := r.client.Watch(
		r.ctx, r.key("a"), clientv3.WithProgressNotify(), clientv3.WithCreatedNotify())
	<-channel
	r.put("b", "1")
	must(t, r.client.RequestProgress(r.ctx))
	response := <-channel
	equal(t, "is progress", response.IsProgressNotify(), true)
	equal(t, "revision", response.Header.Revision-r.base, 1)
}

func TestWatchFragmentsAreJoined(t *testing.T) {
	r := enter(t)
	large := strings.Repeat("v", 700_000)
	for i := range 5 {
		r.put(fmt.Sprint(i), large)
	}
	channel := r.client.Watch(r.ctx, r.prefix,
		clientv3.WithPrefix(), clientv3.WithRev(r.base+1), clientv3.WithFragment())
	response := <-channel
	must(t, response.Err())
	equal(t, "events in one answer", len(response.Events), 5)
}

// A watch goes on over a connection that breaks, with nothing lost and nothing told twice.
func TestWatchResumesOverABrokenConnection(t *testing.T) {
	r := enter(t)
	line := newLine(t)
	watching := connect(t, clientv3.Config{Endpoints: []string{line.url}})
	channel := watching.Watch(
		r.ctx, r.prefix, clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	<-channel
	var want []string
	put := func(value string) {
		want = append(want, fmt.Sprintf("PUT a=%s@%d", value, r.put("a", value)))
	}
	var got []string
	for round := range 3 {
		put(fmt.Sprintf("%d before", round))
		got = append(got, r.told(channel, 1)...)
		line.breakAll()
		put(fmt.Sprintf("%d while", round))
		put(fmt.Sprintf("%d while too", round))
		got = append(got, r.told(channel, 2)...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("events\n got %s\nwant %s", strings.Join(got, "; "), strings.Join(want, "; "))
	}
}

// line is a way to the endpoint that a test can break: all its connections at once.
type line struct {
	url  string
	lock sync.Mutex
	open []net.Conn
}

func newLine(t *testing.T) *line {
	t.Helper()
	target, err := url.Parse(*endpoint)
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	l := &line{url: target.Scheme + "://" + listener.Addr().String()}
	t.Cleanup(func() { listener.Close(); l.breakAll() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target.Host)
			if err != nil {
				near.Close()
				continue
			}
			l.lock.Lock()
			l.open = append(l.open, near, far)
			l.lock.Unlock()
			go func() { _, _ = io.Copy(near, far); near.Close() }()
			go func() { _, _ = io.Copy(far, near); far.Close() }()
		}
	}()
	return l
}

func (l *line) breakAll() {
	l.lock.Lock()
	defer l.lock.Unlock()
	for _, connection := range l.open {
		connection.Close()
	}
	l.open = nil
}
