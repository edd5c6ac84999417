package main

import (
	"fmt"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// value is what every put writes: 100 bytes, the size that the memory bar is stated for.
var value = strings.Repeat("0123456789", 10)

// key names the i-th key: 32 bytes, so that byte order is number order.
func key(i int) string { return fmt.Sprintf("bench/%026d", i) }

// connect opens n clients, each with a connection of its own.
func connect(endpoint string, n int) ([]*clientv3.Client, error) {
	return connectAs(endpoint, n, -1)
}

// connectAs does the same, and the clients log in as the users first, first+1 and so on, in turn;
// as nobody where first is -1.
func connectAs(endpoint string, n, first int) ([]*clientv3.Client, error) {
	clients := make([]*clientv3.Client, n)
	for i := range clients {
		name := ""
		if first >= 0 {
			name = userName(first + i%callers)
		}
		client, err := dial(endpoint, name, name)
		if err != nil {
			closeAll(clients[:i])
			return nil, err
		}
		clients[i] = client
	}
	return clients, nil
}

// dial opens one client; without a name it is nobody's.
func dial(endpoint, name, password string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Endpoints:   []string{endpoint},
		DialTimeout: 5 * time.Second,
		Logger:      zap.NewNop(),
		Username:    name,
		Password:    password,
	})
}

func closeAll(clients []*clientv3.Client) {
	for _, client := range clients {
		client.Close()
	}
}
