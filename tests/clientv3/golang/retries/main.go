// Command retries makes calls with Go's clientv3 and says how they ended. Each line of its input is
// a call, {"endpoints": […], "rpc": "KV/Put", "username": "", "password": "", "token": ""}; each line
// of its output an error's text, in JSON, "" for none. Whoever listens at the endpoints counts what
// arrives there. Calls with the same client configuration share a client.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// patience bounds a call that has gone wrong; nothing is expected to come near it.
const patience = 20 * time.Second

type call struct {
	Endpoints []string `json:"endpoints"`
	RPC       string   `json:"rpc"`
	Username  string   `json:"username"`
	Password  string   `json:"password"`
	Token     string   `json:"token"`
}

type caller func(context.Context, *clientv3.Client, string) error

// just is the error of what answers with something else too.
func just[T any](_ T, err error) error { return err }

var rpcs = map[string]caller{
	"KV/Range": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.Get(ctx, "k"))
	},
	"KV/Put": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.Put(ctx, "k", "v"))
	},
	"KV/DeleteRange": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.Delete(ctx, "k"))
	},
	"KV/Txn": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.Txn(ctx).Then(clientv3.OpGet("k")).Commit())
	},
	"KV/Compact": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.Compact(ctx, 1))
	},
	"Lease/LeaseGrant": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.Grant(ctx, 10))
	},
	"Lease/LeaseRevoke": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.Revoke(ctx, 1))
	},
	"Lease/LeaseTimeToLive": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.TimeToLive(ctx, 1))
	},
	"Lease/LeaseLeases": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.Leases(ctx))
	},
	"Cluster/MemberAdd": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.MemberAdd(ctx, []string{"http://127.0.0.1:1"}))
	},
	"Cluster/MemberRemove": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.MemberRemove(ctx, 1))
	},
	"Cluster/MemberUpdate": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.MemberUpdate(ctx, 1, []string{"http://127.0.0.1:1"}))
	},
	"Cluster/MemberList": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.MemberList(ctx))
	},
	"Cluster/MemberPromote": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.MemberPromote(ctx, 1))
	},
	"Maintenance/Alarm": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.AlarmList(ctx))
	},
	"Maintenance/Status": func(ctx context.Context, c *clientv3.Client, endpoint string) error {
		return just(c.Status(ctx, endpoint))
	},
	"Maintenance/Defragment": func(ctx context.Context, c *clientv3.Client, endpoint string) error {
		return just(c.Defragment(ctx, endpoint))
	},
	"Maintenance/HashKV": func(ctx context.Context, c *clientv3.Client, endpoint string) error {
		return just(c.HashKV(ctx, endpoint, 0))
	},
	"Maintenance/MoveLeader": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.MoveLeader(ctx, 1))
	},
	"Maintenance/Downgrade": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.Downgrade(ctx, clientv3.DowngradeValidate, "3.6.0"))
	},
	"Auth/AuthEnable": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.AuthEnable(ctx))
	},
	"Auth/AuthDisable": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.AuthDisable(ctx))
	},
	"Auth/AuthStatus": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.AuthStatus(ctx))
	},
	"Auth/UserAdd": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.UserAdd(ctx, "u", "p"))
	},
	"Auth/UserDelete": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.UserDelete(ctx, "u"))
	},
	"Auth/UserChangePassword": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.UserChangePassword(ctx, "u", "p"))
	},
	"Auth/UserGrantRole": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.UserGrantRole(ctx, "u", "r"))
	},
	"Auth/UserRevokeRole": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.UserRevokeRole(ctx, "u", "r"))
	},
	"Auth/UserGet": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.UserGet(ctx, "u"))
	},
	"Auth/UserList": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.UserList(ctx))
	},
	"Auth/RoleAdd": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.RoleAdd(ctx, "r"))
	},
	"Auth/RoleDelete": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.RoleDelete(ctx, "r"))
	},
	"Auth/RoleGrantPermission": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.RoleGrantPermission(ctx, "r", "k", "", clientv3.PermissionType(clientv3.PermRead)))
	},
	"Auth/RoleRevokePermission": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.RoleRevokePermission(ctx, "r", "k", ""))
	},
	"Auth/RoleGet": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.RoleGet(ctx, "r"))
	},
	"Auth/RoleList": func(ctx context.Context, c *clientv3.Client, _ string) error {
		return just(c.RoleList(ctx))
	},
}

func main() {
	clients := map[string]*clientv3.Client{}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var wanted call
		if err := json.Unmarshal(lines.Bytes(), &wanted); err != nil {
			panic(err)
		}
		told, err := json.Marshal(outcome(clients, wanted))
		if err != nil {
			panic(err)
		}
		fmt.Println(string(told))
	}
}

func outcome(clients map[string]*clientv3.Client, wanted call) string {
	key := fmt.Sprint(wanted.Endpoints, wanted.Username, wanted.Password, wanted.Token)
	client := clients[key]
	if client == nil {
		made, err := clientv3.New(clientv3.Config{
			Endpoints: wanted.Endpoints,
			Username:  wanted.Username,
			Password:  wanted.Password,
			Token:     wanted.Token,
			Logger:    zap.NewNop(),
		})
		if err != nil {
			return "new: " + err.Error()
		}
		client, clients[key] = made, made
	}
	if wanted.RPC == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := rpcs[wanted.RPC](ctx, client, wanted.Endpoints[0]); err != nil {
		return err.Error()
	}
	return ""
}
