package interop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const (
	rootPassword = "root's"
	readWrite    = clientv3.PermissionType(clientv3.PermReadWrite)
	read         = clientv3.PermissionType(clientv3.PermRead)
)

// guarded is a room whose server knows root, and forgets all users and roles when the test ends.
// Auth is off at first; `lock` and `unlock` switch it.
type guarded struct {
	*room
	root   *clientv3.Client
	locked bool
}

func guard(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{room: enter(t)}
	_, err := g.client.UserAdd(g.ctx, "root", rootPassword)
	must(t, err)
	_, err = g.client.UserGrantRole(g.ctx, "root", "root")
	must(t, err)
	t.Cleanup(g.clear)
	return g
}

// lock switches auth on. Who has no name is nobody from now on, and root is logged in.
func (g *guarded) lock() {
	g.Helper()
	_, err := g.client.AuthEnable(g.ctx)
	must(g.T, err)
	g.locked = true
	if g.root == nil {
		g.root = g.login("root", rootPassword)
	}
}

// unlock switches it off again.
func (g *guarded) unlock() {
	g.Helper()
	_, err := g.root.AuthDisable(g.ctx)
	must(g.T, err)
	g.locked = false
}

func (g *guarded) clear() {
	ctx := context.Background() // the test's own is over
	if g.locked {
		_, err := g.login("root", rootPassword).AuthDisable(ctx) // g.root is closed by now
		must(g.T, err)
	}
	users, err := g.client.UserList(ctx)
	must(g.T, err)
	for _, name := range users.Users {
		_, err := g.client.UserDelete(ctx, name)
		must(g.T, err)
	}
	roles, err := g.client.RoleList(ctx)
	must(g.T, err)
	for _, name := range roles.Roles {
		_, err := g.client.RoleDelete(ctx, name)
		must(g.T, err)
	}
}

// login connects as a user.
func (g *guarded) login(name, password string) *clientv3.Client {
	g.Helper()
	return connect(g.T, clientv3.Config{Username: name, Password: password})
}

// addUser makes a user, while auth is off, who may read and write what begins with the prefix.
func (g *guarded) addUser(name, password, prefix string) {
	g.Helper()
	_, err := g.client.UserAdd(g.ctx, name, password)
	must(g.T, err)
	role := name + "'s"
	_, err = g.client.RoleAdd(g.ctx, role)
	must(g.T, err)
	end := clientv3.GetPrefixRangeEnd(prefix)
	_, err = g.client.RoleGrantPermission(g.ctx, role, prefix, end, readWrite)
	must(g.T, err)
	_, err = g.client.UserGrantRole(g.ctx, name, role)
	must(g.T, err)
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// Listing

const many = 300

// addMany makes users and roles: user i has the roles i and i/2, role i two permissions.
func (g *guarded) addMany() (users, roles []string) {
	for i := range many {
		name := fmt.Sprintf("role-%03d", i)
		_, err := g.client.RoleAdd(g.ctx, name)
		must(g.T, err)
		_, err = g.client.RoleGrantPermission(g.ctx, name, fmt.Sprintf("a/%d", i), "", read)
		must(g.T, err)
		begin := fmt.Sprintf("b/%d/", i)
		end := clientv3.GetPrefixRangeEnd(begin)
		_, err = g.client.RoleGrantPermission(g.ctx, name, begin, end, readWrite)
		must(g.T, err)
		roles = append(roles, name)
	}
	for i := range many {
		name := fmt.Sprintf("user-%03d", i)
		options := &clientv3.UserAddOptions{NoPassword: true} // a hash takes 50 ms
		_, err := g.client.UserAddWithOptions(g.ctx, name, "", options)
		must(g.T, err)
		for _, role := range rolesOf(i) {
			_, err := g.client.UserGrantRole(g.ctx, name, role)
			must(g.T, err)
		}
		users = append(users, name)
	}
	return users, roles
}

func rolesOf(i int) []string {
	names := []string{fmt.Sprintf("role-%03d", i/2), fmt.Sprintf("role-%03d", i)}
	return slices.Compact(names)
}

// wantAll lists all users and roles with all that there is of each.
func (g *guarded) wantAll(client *clientv3.Client, wantUsers, wantRoles []string) {
	g.Helper()
	users, err := client.UserList(g.ctx)
	must(g.T, err)
	equal(g.T, "users", fmt.Sprint(users.Users), fmt.Sprint(wantUsers))
	i := 0
	for _, name := range users.Users {
		user, err := client.UserGet(g.ctx, name)
		must(g.T, err)
		want := []string{"root"}
		if name != "root" && name != "ann" {
			want = rolesOf(i)
			i++
		} else if name == "ann" {
			want = []string{"ann's"}
		}
		equal(g.T, "roles of "+name, fmt.Sprint(user.Roles), fmt.Sprint(want))
	}
	roles, err := client.RoleList(g.ctx)
	must(g.T, err)
	equal(g.T, "roles", fmt.Sprint(roles.Roles), fmt.Sprint(wantRoles))
	for i, name := range wantRoles[1:] {
		role, err := client.RoleGet(g.ctx, name)
		must(g.T, err)
		got := ""
		for _, perm := range role.Perm {
			got += fmt.Sprintf("%s %q %q; ", perm.PermType, perm.Key, perm.RangeEnd)
		}
		want := fmt.Sprintf(`READ "a/%d" ""; READWRITE "b/%d/" "b/%d0"; `, i, i, i)
		equal(g.T, "permissions of "+name, got, want)
	}
}

func TestHundredsOfUsersAndRolesAreListedWithAllTheirDetails(t *testing.T) {
	g := guard(t)
	g.addUser("ann", "pw", g.prefix)
	users, roles := g.addMany()
	users = append([]string{"ann", "root"}, users...)
	roles = append([]string{"ann's"}, roles...)
	g.wantAll(g.client, users, roles)

	g.lock()
	g.wantAll(g.root, users, roles)

	_, err := g.client.UserList(g.ctx)
	wantError(t, "users, by nobody", err, rpctypes.ErrUserEmpty)
	_, err = g.client.RoleGet(g.ctx, "role-007")
	wantError(t, "a role, by nobody", err, rpctypes.ErrUserEmpty)

	ann := g.login("ann", "pw")
	_, err = ann.UserList(g.ctx)
	wantError(t, "users, by a user", err, rpctypes.ErrPermissionDenied)
	_, err = ann.RoleList(g.ctx)
	wantError(t, "roles, by a user", err, rpctypes.ErrPermissionDenied)
	_, err = ann.UserGet(g.ctx, "user-007")
	wantError(t, "another user", err, rpctypes.ErrPermissionDenied)
	_, err = ann.RoleGet(g.ctx, "role-007")
	wantError(t, "a role of others", err, rpctypes.ErrPermissionDenied)
	own, err := ann.UserGet(g.ctx, "ann")
	must(t, err)
	equal(t, "one's own roles", fmt.Sprint(own.Roles), "[ann's]")
	role, err := ann.RoleGet(g.ctx, "ann's")
	must(t, err)
	equal(t, "one's own permissions", len(role.Perm), 1)

	g.unlock()
	g.wantAll(g.client, users, roles)
}

// Logging in, and what becomes of tokens

func TestAUserIsLetInByPasswordAndToItsOwnKeysOnly(t *testing.T) {
	g := guard(t)
	g.addUser("ann", "pw", g.key("ann/"))
	g.put("other", "1")
	g.lock()

	for name, config := range map[string]clientv3.Config{
		"a wrong password": {Username: "ann", Password: "PW"},
		"an unknown user":  {Username: "bob", Password: "pw"},
	} {
		config.Endpoints, config.Logger = []string{*endpoint}, zap.NewNop()
		_, err := clientv3.New(config)
		wantError(t, name, err, rpctypes.ErrAuthFailed)
	}
	_, err := g.client.Get(g.ctx, g.key("ann/a"))
	wantError(t, "nobody", err, rpctypes.ErrUserEmpty)

	ann := g.login("ann", "pw")
	_, err = ann.Put(g.ctx, g.key("ann/a"), "1")
	must(t, err)
	got, err := ann.Get(g.ctx, g.key("ann/"), clientv3.WithPrefix())
	must(t, err)
	g.wantKVs(got.Kvs, "ann/a=1 created+2 modified+2 version1")
	_, err = ann.Get(g.ctx, g.key("other"))
	wantError(t, "a key of others", err, rpctypes.ErrPermissionDenied)
	_, err = ann.Put(g.ctx, g.key("other"), "2")
	wantError(t, "a put of it", err, rpctypes.ErrPermissionDenied)
	_, err = ann.Get(g.ctx, g.prefix, clientv3.WithPrefix())
	wantError(t, "more than one's own", err, rpctypes.ErrPermissionDenied)
	_, err = ann.Txn(g.ctx).
		If(clientv3.Compare(clientv3.Value(g.key("other")), "=", "1")).
		Then(clientv3.OpPut(g.key("ann/a"), "2")).
		Commit()
	wantError(t, "a comparison with it", err, rpctypes.ErrPermissionDenied)
	_, err = ann.Txn(g.ctx).
		Then(clientv3.OpPut(g.key("ann/a"), "2")).
		Else(clientv3.OpDelete(g.key("other"))).
		Commit()
	wantError(t, "a branch that is not taken", err, rpctypes.ErrPermissionDenied)

	got, err = g.root.Get(g.ctx, g.prefix, clientv3.WithPrefix())
	must(t, err)
	g.wantKVs(got.Kvs, "ann/a=1 created+2 modified+2 version1", "other=1 created+1 modified+1 version1")
}

func TestAClientLogsInAgainWhenItsTokenIsGone(t *testing.T) {
	g := guard(t)
	g.addUser("ann", "pw", g.prefix)
	g.lock()
	ann := g.login("ann", "pw")
	_, err := ann.Put(g.ctx, g.key("a"), "1")
	must(t, err)

	g.unlock() // all tokens are gone
	g.lock()
	_, err = ann.Put(g.ctx, g.key("a"), "2")
	must(t, err)
	_, err = ann.Get(g.ctx, g.key("a"))
	must(t, err)

	_, err = g.root.RoleAdd(g.ctx, "another") // a new revision of users and roles: tokens stay
	must(t, err)
	_, err = ann.Put(g.ctx, g.key("a"), "3")
	must(t, err)
	got, err := g.root.Get(g.ctx, g.key("a"))
	must(t, err)
	g.wantKVs(got.Kvs, "a=3 created+1 modified+3 version3")
}

func TestAChangedPasswordOrADeletedUserEndsWhatTheUserMay(t *testing.T) {
	g := guard(t)
	g.addUser("ann", "pw", g.prefix)
	g.lock()
	ann := g.login("ann", "pw")
	_, err := ann.Put(g.ctx, g.key("a"), "1")
	must(t, err)

	_, err = g.root.UserChangePassword(g.ctx, "ann", "new")
	must(t, err)
	_, err = ann.Put(g.ctx, g.key("a"), "2")
	wantError(t, "with the old password", err, rpctypes.ErrAuthFailed)
	again := g.login("ann", "new")
	_, err = again.Put(g.ctx, g.key("a"), "3")
	must(t, err)

	_, err = g.root.UserDelete(g.ctx, "ann")
	must(t, err)
	_, err = again.Put(g.ctx, g.key("a"), "4")
	wantError(t, "of a user who is gone", err, rpctypes.ErrAuthFailed)
}

func TestAGrantAndARevocationCountAtOnce(t *testing.T) {
	g := guard(t)
	g.addUser("ann", "pw", g.key("ann/"))
	g.lock()
	ann := g.login("ann", "pw")
	put := func() error {
		_, err := ann.Put(g.ctx, g.key("shared"), "1")
		return err
	}
	wantError(t, "before", put(), rpctypes.ErrPermissionDenied)
	_, err := g.root.RoleGrantPermission(g.ctx, "ann's", g.key("shared"), "", readWrite)
	must(t, err)
	must(t, put())
	_, err = g.root.RoleRevokePermission(g.ctx, "ann's", g.key("shared"), "")
	must(t, err)
	wantError(t, "after", put(), rpctypes.ErrPermissionDenied)
	_, err = g.root.UserRevokeRole(g.ctx, "ann", "ann's")
	must(t, err)
	_, err = ann.Put(g.ctx, g.key("ann/a"), "1")
	wantError(t, "without the role", err, rpctypes.ErrPermissionDenied)
}

func TestRootCannotBeTakenAway(t *testing.T) {
	g := guard(t)
	g.lock()
	_, err := g.root.UserDelete(g.ctx, "root")
	wantError(t, "the user", err, rpctypes.ErrInvalidAuthMgmt)
	_, err = g.root.UserRevokeRole(g.ctx, "root", "root")
	wantError(t, "its role", err, rpctypes.ErrInvalidAuthMgmt)
	_, err = g.root.RoleDelete(g.ctx, "root")
	wantError(t, "the role", err, rpctypes.ErrInvalidAuthMgmt)
	state, err := g.client.AuthStatus(g.ctx) // without a token
	must(t, err)
	equal(t, "enabled", state.Enabled, true)
}

// Streams

func TestAWatchIsAskedForItsPermissionWhenItIsCreated(t *testing.T) {
	g := guard(t)
	g.addUser("ann", "pw", g.key("ann/"))
	g.lock()
	ann := g.login("ann", "pw")

	denied := <-ann.Watch(g.ctx, g.key("other"))
	equal(t, "canceled", denied.Canceled, true)
	equal(t, "reason", denied.Err().Error(),
		"rpc error: code = PermissionDenied desc = etcdserver: permission denied")
	nobody := <-g.client.Watch(g.ctx, g.key("ann/a"))
	equal(t, "canceled", nobody.Canceled, true)
	equal(t, "reason", nobody.Err().Error(),
		"rpc error: code = InvalidArgument desc = etcdserver: user name is empty")

	channel := ann.Watch(g.ctx, g.key("ann/"), clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	<-channel
	_, err := g.root.Put(g.ctx, g.key("ann/a"), "1")
	must(t, err)
	g.wantTold(channel, "PUT ann/a=1@1")

	// What it may see was decided then: it goes on without the role, the token and the user.
	_, err = g.root.UserDelete(g.ctx, "ann")
	must(t, err)
	_, err = g.root.Put(g.ctx, g.key("ann/a"), "2")
	must(t, err)
	g.wantTold(channel, "PUT ann/a=2@2")
}

func TestALeaseIsItsKeysOwners(t *testing.T) {
	g := guard(t)
	g.addUser("ann", "pw", g.key("ann/"))
	g.addUser("bob", "pw", g.key("bob/"))
	g.lock()
	ann, bob := g.login("ann", "pw"), g.login("bob", "pw")
	lease, err := ann.Grant(g.ctx, 60)
	must(t, err)
	_, err = ann.Put(g.ctx, g.key("ann/a"), "1", clientv3.WithLease(lease.ID))
	must(t, err)

	_, err = bob.Put(g.ctx, g.key("bob/a"), "1", clientv3.WithLease(lease.ID))
	wantError(t, "another's put with it", err, rpctypes.ErrPermissionDenied)
	_, err = bob.Revoke(g.ctx, lease.ID)
	wantError(t, "another's revocation", err, rpctypes.ErrPermissionDenied)
	_, err = bob.TimeToLive(g.ctx, lease.ID, clientv3.WithAttachedKeys())
	wantError(t, "another's look at its keys", err, rpctypes.ErrPermissionDenied)
	_, err = bob.KeepAliveOnce(g.ctx, lease.ID)
	wantError(t, "another's renewal", err, rpctypes.ErrPermissionDenied)
	_, err = ann.KeepAliveOnce(g.ctx, lease.ID)
	must(t, err)
	live, err := ann.TimeToLive(g.ctx, lease.ID, clientv3.WithAttachedKeys())
	must(t, err)
	equal(t, "keys", len(live.Keys), 1)
	_, err = ann.Revoke(g.ctx, lease.ID)
	must(t, err)
}
