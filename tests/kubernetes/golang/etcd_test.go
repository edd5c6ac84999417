package envtest_test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// health is what etcd says of itself, or why nobody does.
func health(url string) string {
	resp, err := http.Get(url + "/health")
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// TestEtcdAlone uses envtest's etcd without an API server. It asks `etcd --help` which flags there
// are, and takes away its data folder when it stops.
func TestEtcdAlone(t *testing.T) {
	var output strings.Builder
	etcd := &envtest.Etcd{StartTimeout: longest, StopTimeout: longest, Err: &output}
	etcd.Configure().Append("auto-compaction-mode", "revision").Append("name", "alone")
	for range 2 {
		if err := etcd.Start(); err != nil {
			t.Fatalf("start: %v\n%s", err, output.String())
		}
		if said := health(etcd.URL.String()); said != `{"health":"true","reason":""}` {
			t.Errorf("it says %s", said)
		}
		folder := etcd.DataDir
		if _, err := os.Stat(folder); err != nil {
			t.Error(err)
		}
		if err := etcd.Stop(); err != nil {
			t.Fatalf("stop: %v\n%s", err, output.String())
		}
		if said := health(etcd.URL.String()); !strings.Contains(said, "connection refused") {
			t.Errorf("after it stopped: %s", said)
		}
		if _, err := os.Stat(folder); !os.IsNotExist(err) {
			t.Errorf("its folder: %v", err)
		}
	}
	if !strings.Contains(output.String(), `--unsafe-no-fsync=true`) {
		t.Errorf("its --help did not say that it has that flag:\n%s", output.String())
	}
}
