package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// posts makes calls to the JSON gateway over HTTP/1.1, one at a time on each connection, without
// net/http's client, which takes more of the processors than the server that is measured.
func posts(args []string) (any, error) {
	flags := flag.NewFlagSet("posts", flag.ExitOnError)
	server := targetFlags(flags)
	op := flags.String("op", "put", "put or get")
	conns := flags.Int("conns", 64, "connections")
	seconds := flags.Float64("seconds", 2, "how long to measure")
	warmup := flags.Float64("warmup", 0.5, "how long to run before measuring, in seconds")
	keys := flags.Int("keys", 10000, "keys to choose from")
	pid := flags.Int("pid", os.Getpid(), "process whose processor time is taken")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	address, err := url.Parse(server.url)
	if err != nil {
		return nil, err
	}
	paths := map[string]string{"put": "/v3/kv/put", "get": "/v3/kv/range"}
	if paths[*op] == "" || address.Scheme != "http" {
		return nil, errors.New("posts are of put or get, without TLS")
	}
	posters := make([]*poster, *conns)
	for i := range posters {
		socket, err := net.DialTimeout("tcp", address.Host, server.limit)
		if err != nil {
			return nil, err
		}
		defer socket.Close()
		posters[i] = &poster{
			socket: socket,
			in:     bufio.NewReader(socket),
			path:   paths[*op],
			host:   address.Host,
			keys:   *keys,
			random: rand.New(rand.NewPCG(uint64(i), 1)),
		}
	}
	serverBefore, err := processorTimeOf(*pid)
	if err != nil {
		return nil, err
	}
	var (
		wait     sync.WaitGroup
		failures = make([]error, len(posters))
		before   = processorTime()
		measure  = time.Now().Add(time.Duration(*warmup * float64(time.Second)))
		end      = measure.Add(time.Duration(*seconds * float64(time.Second)))
	)
	for i, each := range posters {
		wait.Go(func() { failures[i] = each.run(measure, end) })
	}
	wait.Wait()
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	spent := processorTime() - before
	serverAfter, err := processorTimeOf(*pid)
	if err != nil {
		return nil, err
	}
	var (
		total     int64
		latencies []time.Duration
	)
	for _, each := range posters {
		total += each.total
		latencies = slices.Concat(latencies, each.latencies)
	}
	result := summary(latencies, int64(len(latencies)), end.Sub(measure))
	result.TotalOps = total
	result.CPU, result.ServerCPU = perCall(spent, total), perCall(serverAfter-serverBefore, total)
	return result, nil
}

// poster is one connection.
type poster struct {
	socket     net.Conn
	in         *bufio.Reader
	path, host string
	keys       int
	random     *rand.Rand
	total      int64
	latencies  []time.Duration
}

func (p *poster) run(measure, end time.Time) error {
	encoded := base64.StdEncoding.EncodeToString([]byte(value))
	for {
		began := time.Now()
		if began.After(end) {
			return nil
		}
		name := base64.StdEncoding.EncodeToString([]byte(key(p.random.IntN(p.keys))))
		body := fmt.Sprintf(`{"key":%q}`, name)
		if p.path == "/v3/kv/put" {
			body = fmt.Sprintf(`{"key":%q,"value":%q}`, name, encoded)
		}
		_, err := fmt.Fprintf(
			p.socket, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"+
				"Content-Length: %d\r\n\r\n%s", p.path, p.host, len(body), body,
		)
		if err == nil {
			err = p.answer()
		}
		if err != nil {
			return err
		}
		p.total++
		if began.After(measure) {
			p.latencies = append(p.latencies, time.Since(began))
		}
	}
}

// answer reads one, of a length that its head tells.
func (p *poster) answer() error {
	status, err := p.in.ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(status, "HTTP/1.1 200 ") {
		return fmt.Errorf("%s: %s", p.path, strings.TrimSpace(status))
	}
	length := -1
	for {
		line, err := p.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		text := strings.TrimSpace(string(line))
		if text == "" {
			break
		}
		if size, found := strings.CutPrefix(text, "Content-Length: "); found {
			if length, err = strconv.Atoi(size); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("%s: an answer without a length", p.path)
	}
	_, err = io.CopyN(io.Discard, p.in, int64(length))
	return err
}
