package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"
)

// crowd makes the same calls as a load over many connections, without the official client: a
// thousand of those take more of the processors than any server that runs beside them, so that the
// rate would be theirs. This one has one goroutine a connection and keeps so many calls under way;
// answers that came together are read together, and the calls that follow leave in one write.
func crowd(args []string) (any, error) {
	flags := flag.NewFlagSet("crowd", flag.ExitOnError)
	server := targetFlags(flags)
	o := crowdOptions{}
	flags.StringVar(&o.op, "op", "put", "put or get")
	flags.IntVar(&o.conns, "conns", 1000, "connections")
	flags.IntVar(&o.workers, "workers", 10, "calls at a time, of each connection")
	flags.Float64Var(&o.seconds, "seconds", 2, "how long to measure")
	flags.Float64Var(&o.warmup, "warmup", 0.5, "how long to run before measuring, in seconds")
	flags.IntVar(&o.keys, "keys", 10000, "keys to choose from")
	flags.IntVar(&o.pid, "pid", os.Getpid(), "process whose processor time is taken")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	address, err := url.Parse(server.url)
	if err != nil {
		return nil, err
	}
	if address.Scheme != "http" {
		return nil, errors.New("a crowd calls without TLS")
	}
	callers := make([]*caller, o.conns)
	for i := range callers {
		if callers[i], err = newCaller(address.Host, server.limit, o.op, o.keys, uint64(i)); err != nil {
			return nil, fmt.Errorf("connection %d of %d: %w", i+1, o.conns, err)
		}
		defer callers[i].socket.Close()
	}
	return o.run(callers)
}

type crowdOptions struct {
	op              string
	conns, workers  int
	seconds, warmup float64
	keys, pid       int
}

// run has all of them call until the time is over, and then get the answers that are due.
func (o crowdOptions) run(callers []*caller) (loadResult, error) {
	serverBefore, err := processorTimeOf(o.pid)
	if err != nil {
		return loadResult{}, err
	}
	var (
		wait     sync.WaitGroup
		failures = make([]error, len(callers))
		before   = processorTime()
		measure  = time.Now().Add(time.Duration(o.warmup * float64(time.Second)))
		end      = measure.Add(time.Duration(o.seconds * float64(time.Second)))
	)
	for i, each := range callers {
		wait.Go(func() { failures[i] = each.run(o.workers, measure, end) })
	}
	wait.Wait()
	if err := errors.Join(failures...); err != nil {
		return loadResult{}, err
	}
	spent := processorTime() - before
	serverAfter, err := processorTimeOf(o.pid)
	if err != nil {
		return loadResult{}, err
	}
	var (
		total, answered int64
		latencies       []time.Duration
	)
	for _, each := range callers {
		total += each.total
		answered += each.answered
		latencies = slices.Concat(latencies, each.latencies)
	}
	result := summary(latencies, answered, end.Sub(measure))
	result.TotalOps = total
	result.CPU, result.ServerCPU = perCall(spent, total), perCall(serverAfter-serverBefore, total)
	return result, nil
}

// caller is one connection.
type caller struct {
	socket net.Conn
	in     *bufio.Reader
	out    bytes.Buffer
	framer *http2.Framer
	head   []byte
	block  bytes.Buffer
	encode *hpack.Encoder
	decode *hpack.Decoder
	path   string
	random *rand.Rand
	op     string
	keys   int
	status string

	next      uint32 // stream
	began     map[uint32]time.Time
	total     int64
	answered  int64
	latencies []time.Duration
}

// window is what a server may send before it is asked to go on: more than it ever does here.
const window = 1 << 30

func newCaller(
	host string, limit time.Duration, op string, keys int, seed uint64,
) (*caller, error) {
	paths := map[string]string{"put": "/etcdserverpb.KV/Put", "get": "/etcdserverpb.KV/Range"}
	if paths[op] == "" {
		return nil, fmt.Errorf("unknown operation %q", op)
	}
	socket, err := net.DialTimeout("tcp", host, limit)
	if err != nil {
		return nil, err
	}
	c := &caller{
		socket: socket,
		in:     bufio.NewReaderSize(socket, 16<<10),
		path:   paths[op],
		op:     op,
		keys:   keys,
		random: rand.New(rand.NewPCG(seed, 1)),
		next:   1,
		began:  map[uint32]time.Time{},
	}
	c.encode = hpack.NewEncoder(&c.block)
	c.decode = hpack.NewDecoder(4096, func(field hpack.HeaderField) {
		if field.Name == "grpc-status" {
			c.status = field.Value
		}
	})
	c.framer = http2.NewFramer(&c.out, c.in)
	c.framer.SetReuseFrames()
	c.out.WriteString(http2.ClientPreface)
	setting := http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}
	if err := errors.Join(
		c.framer.WriteSettings(setting), c.framer.WriteWindowUpdate(0, window), c.flush(),
	); err != nil {
		socket.Close()
		return nil, err
	}
	return c, nil
}

// run begins so many calls, and one more for each that is answered before the end.
func (c *caller) run(workers int, measure, end time.Time) error {
	for range workers {
		if err := c.call(); err != nil {
			return err
		}
	}
	for len(c.began) > 0 {
		if c.in.Buffered() == 0 {
			if err := c.flush(); err != nil {
				return err
			}
		}
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return err
		}
		done, err := c.take(frame)
		if err != nil {
			return err
		}
		if done == 0 {
			continue
		}
		now, began := time.Now(), c.began[done]
		delete(c.began, done)
		if now.After(measure) && !now.After(end) {
			c.answered++
		}
		if began.After(measure) {
			c.latencies = append(c.latencies, now.Sub(began))
		}
		if !now.After(end) {
			if err := c.call(); err != nil {
				return err
			}
		}
	}
	return nil
}

// take reads a frame; it gives the stream that ended with it, or 0.
func (c *caller) take(frame http2.Frame) (uint32, error) {
	switch frame := frame.(type) {
	case *http2.HeadersFrame:
		if _, err := c.decode.Write(frame.HeaderBlockFragment()); err != nil {
			return 0, err
		}
		if !frame.HeadersEnded() {
			return 0, errors.New("a head in several frames")
		}
		if !frame.StreamEnded() {
			return 0, nil
		}
		if c.status != "0" {
			return 0, fmt.Errorf("%s: grpc-status %q", c.op, c.status)
		}
		c.status = ""
		return frame.StreamID, nil
	case *http2.SettingsFrame:
		if !frame.IsAck() {
			return 0, c.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !frame.IsAck() {
			return 0, c.framer.WritePing(true, frame.Data)
		}
	case *http2.DataFrame:
		if c.op == "get" && len(frame.Data()) < len(value) {
			return 0, errors.New("get: the key is not there")
		}
	case *http2.RSTStreamFrame, *http2.GoAwayFrame:
		return 0, fmt.Errorf("%s: the server says %v", c.op, frame)
	}
	return 0, nil
}

// call writes one request into the buffer.
func (c *caller) call() error {
	c.block.Reset()
	for _, field := range []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: c.path},
		{Name: ":authority", Value: "localhost"},
		{Name: "content-type", Value: "application/grpc"},
		{Name: "te", Value: "trailers"},
	} {
		if err := c.encode.WriteField(field); err != nil {
			return err
		}
	}
	name := []byte(key(c.random.IntN(c.keys)))
	var request proto.Message = &pb.RangeRequest{Key: name}
	if c.op == "put" {
		request = &pb.PutRequest{Key: name, Value: []byte(value)}
	}
	message, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	stream := c.next
	c.next += 2
	c.began[stream] = time.Now()
	c.total++
	c.head = append(c.head[:0], 0)
	c.head = binary.BigEndian.AppendUint32(c.head, uint32(len(message)))
	c.head = append(c.head, message...)
	return errors.Join(
		c.framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: stream, BlockFragment: c.block.Bytes(), EndHeaders: true,
		}),
		c.framer.WriteData(stream, true, c.head),
	)
}

// flush sends what was written.
func (c *caller) flush() error {
	_, err := c.out.WriteTo(c.socket)
	return err
}
