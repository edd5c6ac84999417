package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/connectivity"
)

// target is a server, and what it takes to be let in.
type target struct {
	url   string
	files transport.TLSInfo
	limit time.Duration
}

// targetFlags declares the flags that every command has.
func targetFlags(flags *flag.FlagSet) *target {
	t := &target{}
	flags.StringVar(&t.url, "endpoint", "", "URL of the server")
	flags.StringVar(&t.files.TrustedCAFile, "cacert", "", "who signed the server's certificate")
	flags.StringVar(&t.files.CertFile, "cert", "", "certificate to show to the server")
	flags.StringVar(&t.files.KeyFile, "key", "", "its key")
	usage := "how long all connections may take: a thousand handshakes need seconds"
	flags.DurationVar(&t.limit, "connect-limit", 60*time.Second, usage)
	return t
}

// connect opens n clients, each with a connection of its own.
func (t *target) connect(n int) ([]*clientv3.Client, error) {
	return t.connectAs(n, -1)
}

// connectAs does the same, and the clients log in as the users first, first+1 and so on, in turn;
// as nobody where first is -1.
func (t *target) connectAs(n, first int) ([]*clientv3.Client, error) {
	clients := make([]*clientv3.Client, n)
	for i := range clients {
		name := ""
		if first >= 0 {
			name = userName(first + i%callers)
		}
		client, err := t.dial(name, name)
		if err != nil {
			closeAll(clients[:i])
			return nil, err
		}
		clients[i] = client
	}
	return clients, nil
}

// dial opens one client; without a name it is nobody's.
func (t *target) dial(name, password string) (*clientv3.Client, error) {
	config, err := t.config()
	if err != nil {
		return nil, err
	}
	return clientv3.New(clientv3.Config{
		Endpoints:   []string{t.url},
		DialTimeout: 5 * time.Second,
		Logger:      zap.NewNop(),
		Username:    name,
		Password:    password,
		TLS:         config,
	})
}

// config is nil where no certificates were named.
func (t *target) config() (*tls.Config, error) {
	if t.files.TrustedCAFile == "" {
		return nil, nil
	}
	config, err := t.files.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	return config, nil
}

// waitUntilReady returns once all of them are connected: clientv3 itself connects in the background.
func (t *target) waitUntilReady(clients []*clientv3.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), t.limit)
	defer cancel()
	indices := make(chan int)
	return inParallel(func(int) error {
		for i := range indices {
			connection := clients[i].ActiveConnection()
			connection.Connect()
			for state := connection.GetState(); state != connectivity.Ready; {
				if !connection.WaitForStateChange(ctx, state) {
					return fmt.Errorf("connection %d of %d: %v", i+1, len(clients), state)
				}
				state = connection.GetState()
			}
		}
		return nil
	}, numbers(indices, 0, len(clients), 1))
}

func closeAll(clients []*clientv3.Client) {
	for _, client := range clients {
		client.Close()
	}
}
