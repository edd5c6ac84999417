// Command kubernetes holds the client that Kubernetes' API server has, five requests, against a
// running server.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
)

var (
	ctx  = context.Background()
	kube kubernetes.Interface
)

func main() {
	client, err := kubernetes.New(clientv3.Config{Endpoints: []string{os.Getenv("CLIENT_DIRECT")}})
	must(err)
	defer client.Close()
	kube = client.Kubernetes
	checks := map[string]func(){
		"put": put, "get": get, "list": list, "count": count, "delete": remove,
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
		text, err := json.Marshal(line)
		must(err)
		fmt.Println(string(text))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func same(found, wanted any) {
	if f, w := fmt.Sprintf("%v", found), fmt.Sprintf("%v", wanted); f != w {
		panic(fmt.Sprintf("%s instead of %s", f, w))
	}
}

// set puts where the key is of a revision, and gives what it says.
func set(key, value string, expected int64) kubernetes.PutResponse {
	answer, err := kube.OptimisticPut(ctx, key, []byte(value), expected,
		kubernetes.PutOptions{GetOnFailure: true})
	must(err)
	return answer
}

// made is a new key's revision.
func made(key string) int64 {
	answer := set(key, "1", 0)
	same(answer.Succeeded, true)
	return answer.Revision
}

func put() {
	revision := made("/put")
	refused := set("/put", "2", 0)
	same(refused.Succeeded, false)
	same(refused.Revision, revision)
	same(string(refused.KV.Value), "1")
	same(refused.KV.ModRevision, revision)
	changed := set("/put", "2", revision)
	same(changed.Succeeded, true)
	same(changed.Revision, revision+1)
	silent, err := kube.OptimisticPut(ctx, "/put", []byte("3"), revision, kubernetes.PutOptions{})
	must(err)
	same(silent.Succeeded, false)
	same(silent.KV == nil, true)
}

func get() {
	revision := made("/get")
	same(set("/get", "2", revision).Succeeded, true)
	now, err := kube.Get(ctx, "/get", kubernetes.GetOptions{})
	must(err)
	same(string(now.KV.Value), "2")
	same(now.Revision, revision+1)
	then, err := kube.Get(ctx, "/get", kubernetes.GetOptions{Revision: revision})
	must(err)
	same(string(then.KV.Value), "1")
	nothing, err := kube.Get(ctx, "/none", kubernetes.GetOptions{})
	must(err)
	same(nothing.KV == nil, true)
	same(nothing.Revision, revision+1)
}

func list() {
	var revision int64
	for number := range 5 {
		revision = made(fmt.Sprint("/list/", number))
	}
	var keys [][]byte
	var counts []int64
	options := kubernetes.ListOptions{Limit: 2}
	for len(keys) < 5 {
		page, err := kube.List(ctx, "/list/", options)
		must(err)
		for _, kv := range page.Kvs {
			keys = append(keys, kv.Key)
		}
		counts = append(counts, page.Count)
		if options.Revision == 0 {
			same(page.Revision, revision)
			options.Revision = page.Revision
			made("/list/later") // which is of no page
		}
		options.Continue = string(keys[len(keys)-1]) + "\x00"
	}
	same(string(bytes.Join(keys, []byte(" "))), "/list/0 /list/1 /list/2 /list/3 /list/4")
	same(counts, []int64{5, 3, 1})
}

func count() {
	for number := range 3 {
		made(fmt.Sprint("/count/", number))
	}
	found, err := kube.Count(ctx, "/count/", kubernetes.CountOptions{})
	must(err)
	same(found, 3)
	found, err = kube.Count(ctx, "/none/", kubernetes.CountOptions{})
	must(err)
	same(found, 0)
}

func remove() {
	revision := made("/delete")
	options := kubernetes.DeleteOptions{GetOnFailure: true}
	refused, err := kube.OptimisticDelete(ctx, "/delete", revision-1, options)
	must(err)
	same(refused.Succeeded, false)
	same(string(refused.KV.Value), "1")
	gone, err := kube.OptimisticDelete(ctx, "/delete", revision, options)
	must(err)
	same(gone.Succeeded, true)
	same(gone.Revision, revision+1)
	again, err := kube.OptimisticDelete(ctx, "/delete", revision, options)
	must(err)
	same(again.Succeeded, false)
	same(again.KV == nil, true)
}
