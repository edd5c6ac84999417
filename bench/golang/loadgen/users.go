package main

import (
	"context"
	"flag"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// callers is how many users a load calls as: each of its connections is one's.
const callers = 8

const rootPassword = "root"

// usersResult says how many users there are now.
type usersResult struct {
	Users int `json:"users"`
}

// users makes users with a role of their own, and root where it is not there. All may read and
// write the keys 0..keys-1, by permissions of which no two touch, so that none can be merged.
// Only the first ones have a password: a hash takes 50 ms.
func users(args []string) (any, error) {
	flags := flag.NewFlagSet("users", flag.ExitOnError)
	server := targetFlags(flags)
	from := flags.Int("from", 0, "first user")
	to := flags.Int("to", 0, "user after the last")
	permissions := flags.Int("permissions", 1, "permissions of each")
	keys := flags.Int("keys", 10000, "keys that they may use")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	clients, err := server.connect(callers)
	if err != nil {
		return nil, err
	}
	defer closeAll(clients)
	if err := addRoot(clients[0]); err != nil {
		return nil, err
	}
	starts := make(chan int)
	err = inParallel(func(worker int) error {
		client := clients[worker%len(clients)]
		for i := range starts {
			if err := addUser(client, i, i < *from+callers, *permissions, *keys); err != nil {
				return err
			}
		}
		return nil
	}, numbers(starts, *from, *to, 1))
	return usersResult{*to}, err
}

func addRoot(client *clientv3.Client) error {
	ctx := context.Background()
	list, err := client.UserList(ctx)
	if err != nil {
		return err
	}
	for _, name := range list.Users {
		if name == "root" {
			return nil
		}
	}
	if _, err := client.UserAdd(ctx, "root", rootPassword); err != nil {
		return err
	}
	_, err = client.UserGrantRole(ctx, "root", "root")
	return err
}

func addUser(client *clientv3.Client, i int, password bool, permissions, keys int) error {
	ctx, name, role := context.Background(), userName(i), fmt.Sprintf("role-%d", i)
	if _, err := client.RoleAdd(ctx, role); err != nil {
		return err
	}
	each := keys / permissions
	for start := 0; start < keys; start += each {
		// The last key and a little more, but not up to the next one.
		begin, end := key(start), key(min(start+each, keys)-1)+"\x01"
		kind := clientv3.PermissionType(clientv3.PermReadWrite)
		if _, err := client.RoleGrantPermission(ctx, role, begin, end, kind); err != nil {
			return err
		}
	}
	var err error
	if password {
		_, err = client.UserAdd(ctx, name, name)
	} else {
		options := &clientv3.UserAddOptions{NoPassword: true}
		_, err = client.UserAddWithOptions(ctx, name, "", options)
	}
	if err != nil {
		return err
	}
	_, err = client.UserGrantRole(ctx, name, role)
	return err
}

func userName(i int) string { return fmt.Sprintf("user-%d", i) }

// auth switches it on or off, as root.
func auth(args []string) (any, error) {
	flags := flag.NewFlagSet("auth", flag.ExitOnError)
	server := targetFlags(flags)
	on := flags.Bool("on", false, "whether it is to be on")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	ctx := context.Background()
	if *on {
		clients, err := server.connect(1)
		if err != nil {
			return nil, err
		}
		defer closeAll(clients)
		return clients[0].AuthEnable(ctx)
	}
	client, err := server.dial("root", rootPassword)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.AuthDisable(ctx)
}
