// Uses a leasing KV of the official Go client: reads commands, a line each, and
// prints a line for each that is done.
//
//	get KEY | put KEY VALUE | delete KEY END
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/leasing"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(endpoint, prefix string) error {
	cli, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}})
	if err != nil {
		return err
	}
	defer cli.Close()
	kv, closeKV, err := leasing.NewKV(cli, prefix)
	if err != nil {
		return err
	}
	defer closeKV()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		told, err := do(kv, strings.Fields(lines.Text()))
		if err != nil {
			return err
		}
		fmt.Println(told)
	}
	return lines.Err()
}

func do(kv clientv3.KV, words []string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	switch words[0] {
	case "get":
		answer, err := kv.Get(ctx, words[1])
		if err != nil || len(answer.Kvs) == 0 {
			return "none", err
		}
		return fmt.Sprintf("%s %d", answer.Kvs[0].Value, answer.Kvs[0].Version), nil
	case "put":
		_, err := kv.Put(ctx, words[1], words[2])
		return "put", err
	case "delete":
		answer, err := kv.Delete(ctx, words[1], clientv3.WithRange(words[2]))
		if err != nil {
			return "", err
		}
		return fmt.Sprint(answer.Deleted), nil
	}
	return "", fmt.Errorf("no such command: %v", words)
}
