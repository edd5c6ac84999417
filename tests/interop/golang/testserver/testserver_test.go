// Package testserver starts `etcd` as Go projects' own tests do: from the PATH, on free ports, with
// a data folder of the test's, and looks at how the process ends. It knows nothing of which etcd
// that is.
package testserver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// patience bounds what has gone wrong; nothing is expected to come near it.
const patience = 30 * time.Second

// testServer is a process that answers.
type testServer struct {
	*exec.Cmd
	url string
	log *bytes.Buffer
}

// freeURL is where nobody listened a moment ago.
func freeURL(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return "http://" + listener.Addr().String()
}

// command is one that would serve there; folder may have been used before.
func command(ctx context.Context, t *testing.T, url, folder string) *exec.Cmd {
	t.Helper()
	program, err := exec.LookPath("etcd")
	if err != nil {
		t.Fatal(err)
	}
	peer := freeURL(t)
	return exec.CommandContext(ctx, program,
		"--name", "test", "--data-dir", folder,
		"--listen-client-urls", url, "--advertise-client-urls", url,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", "test="+peer, "--unsafe-no-fsync")
}

func start(t *testing.T, process *exec.Cmd, url string) *testServer {
	t.Helper()
	server := &testServer{Cmd: process, url: url, log: &bytes.Buffer{}}
	process.Stderr = server.log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if process.ProcessState == nil { // nobody has waited for it
			process.Process.Kill()
			process.Wait()
		}
	})
	for deadline := time.Now().Add(patience); !isHealthy(url); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			process.Process.Kill()
			process.Wait()
			t.Fatalf("not healthy:\n%s", server.log)
		}
	}
	return server
}

func isHealthy(url string) bool {
	resp, err := http.Get(url + "/health")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return err == nil && string(body) == `{"health":"true","reason":""}`
}

// use writes and reads with the official client.
func (s *testServer) use(t *testing.T) {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{s.url}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := client.Put(ctx, "greeting", t.Name()); err != nil {
		t.Fatal(err)
	}
	resp, err := client.Get(ctx, "greeting")
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.Kvs) != 1 || string(resp.Kvs[0].Value) != t.Name() {
		t.Errorf("got %v", resp.Kvs)
	}
}

// ended waits for the process, and compares how it ended.
func (s *testServer) ended(t *testing.T, want syscall.Signal) {
	t.Helper()
	err := s.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("Wait gave %v", err)
	}
	status := exit.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != want || exit.ExitCode() != -1 {
		t.Errorf("it ended with %v, want signal %v:\n%s", exit, want, s.log)
	}
	if isHealthy(s.url) {
		t.Error("somebody still answers")
	}
	last := strings.Contains(s.log.String(), `"msg":"closed etcd server"`)
	if last != (want != syscall.SIGKILL) {
		t.Errorf("the log's end:\n%s", s.log)
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	url := freeURL(t)
	server := start(t, command(t.Context(), t, url, t.TempDir()), url)
	server.use(t)
	if err := server.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	server.ended(t, syscall.SIGINT)
}

func TestKillAndStartAgainInTheSamePlace(t *testing.T) {
	t.Parallel()
	url, folder := freeURL(t), filepath.Join(t.TempDir(), "made", "by", "etcd")
	for range 2 {
		server := start(t, command(t.Context(), t, url, folder), url)
		server.use(t)
		if err := server.Process.Signal(os.Kill); err != nil {
			t.Fatal(err)
		}
		server.ended(t, syscall.SIGKILL)
	}
}

func TestCancelEndsItByTheSignalOfItsCommand(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	url := freeURL(t)
	process := command(ctx, t, url, t.TempDir())
	process.Cancel = func() error { return process.Process.Signal(syscall.SIGTERM) }
	process.WaitDelay = patience
	server := start(t, process, url)
	server.use(t)
	cancel()
	server.ended(t, syscall.SIGTERM)
}

func TestALineOfItsLogSaysThatItIsReady(t *testing.T) {
	t.Parallel()
	url := freeURL(t)
	process := command(t.Context(), t, url, t.TempDir())
	pipe, err := process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ready := false
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		if strings.Contains(lines.Text(), "ready to serve client requests") {
			ready = true
			if err := process.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		}
	}
	if err := process.Wait(); !ready || err == nil || err.Error() != "signal: terminated" {
		t.Errorf("ready: %v, Wait gave %v", ready, err)
	}
}

func TestASecondOneInTheSamePlaceFails(t *testing.T) {
	t.Parallel()
	url := freeURL(t)
	server := start(t, command(t.Context(), t, url, t.TempDir()), url)
	output, err := command(t.Context(), t, url, t.TempDir()).CombinedOutput()
	if err == nil || err.Error() != "exit status 1" {
		t.Errorf("the second one ended with %v", err)
	}
	want := fmt.Sprintf("listen tcp %s: bind: address already in use", strings.TrimPrefix(url, "http://"))
	if !bytes.Contains(output, []byte(want)) {
		t.Errorf("it said:\n%s", output)
	}
	server.use(t)
}
