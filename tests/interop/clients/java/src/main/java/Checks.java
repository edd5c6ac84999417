import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.KeyValue;
import io.etcd.jetcd.Watch;
import io.etcd.jetcd.auth.Permission;
import io.etcd.jetcd.kv.GetResponse;
import io.etcd.jetcd.kv.TxnResponse;
import io.etcd.jetcd.lease.LeaseKeepAliveResponse;
import io.etcd.jetcd.op.Cmp;
import io.etcd.jetcd.op.CmpTarget;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.DeleteOption;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.LeaseOption;
import io.etcd.jetcd.options.PutOption;
import io.etcd.jetcd.options.WatchOption;
import io.grpc.stub.StreamObserver;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Holds jetcd against a running server. */
public class Checks {
  static final int LARGE = 1_400_000;
  static final int TOO_LARGE = 1_600_000;
  static final int MANY = 100;
  static final long DEADLINE_MS = 500;
  static final long PATIENCE_SECONDS = 60;

  static final BufferedReader INPUT = new BufferedReader(new InputStreamReader(System.in));
  static final Client DIRECT = Client.builder().endpoints(place("DIRECT")).build();
  static final Client THROUGH = Client.builder().endpoints(place("THROUGH")).build();

  /** One check: gives what there is to say about it, or null. */
  interface Check {
    String run() throws Exception;
  }

  static final Map<String, Check> CHECKS =
      Map.ofEntries(
          Map.entry("put", Checks::put),
          Map.entry("get", Checks::get),
          Map.entry("prefix", Checks::prefix),
          Map.entry("txn", Checks::txn),
          Map.entry("watch", Checks::watch),
          Map.entry("resume", Checks::resume),
          Map.entry("lease", Checks::lease),
          Map.entry("deadline", Checks::deadline),
          Map.entry("cancel", Checks::cancel),
          Map.entry("large", Checks::large),
          Map.entry("concurrent", Checks::concurrent),
          Map.entry("members", Checks::members),
          Map.entry("tls", Checks::tls),
          Map.entry("auth", Checks::auth));

  public static void main(String[] arguments) {
    for (String name : System.getenv("CLIENT_CHECKS").split(",")) {
      try {
        String note = CHECKS.get(name).run();
        String more = note == null ? "" : ", \"note\": " + quoted(note);
        System.out.println("{\"check\": " + quoted(name) + ", \"ok\": true" + more + "}");
      } catch (Exception | AssertionError wrong) {
        wrong.printStackTrace();
        String detail = ", \"detail\": " + quoted(wrong.toString());
        System.out.println("{\"check\": " + quoted(name) + ", \"ok\": false" + detail + "}");
      }
      System.out.flush();
    }
    System.exit(0); // whatever threads the clients have
  }

  /** As JSON has it; what cannot stand there as it is becomes a blank. */
  static String quoted(String text) {
    String plain = text.replace("\\", "\\\\").replace("\"", "\\\"");
    return '"' + plain.replaceAll("[^ -~]", " ") + '"';
  }

  static String place(String name) {
    return "http://" + System.getenv("CLIENT_" + name);
  }

  /** Have the proxy cut, stall or flow. */
  static void ask(String what) throws Exception {
    System.out.println("{\"do\": " + quoted(what) + "}");
    System.out.flush();
    same(INPUT.readLine(), "done");
  }

  static void same(Object found, Object wanted) {
    if (!Objects.equals(found, wanted)) {
      throw new AssertionError(found + " instead of " + wanted);
    }
  }

  static ByteSequence bytes(String text) {
    return ByteSequence.from(text, UTF_8);
  }

  static <T> T answer(CompletableFuture<T> call) throws Exception {
    return call.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
  }

  /** Hold a call to being refused with a text. */
  static void refused(CompletableFuture<?> call, String text) throws Exception {
    try {
      answer(call);
    } catch (ExecutionException error) {
      String all = "";
      for (Throwable each = error; each != null; each = each.getCause()) {
        all += each + "\n";
      }
      same(all.contains(text) ? text : all, text);
      return;
    }
    throw new AssertionError("it was answered");
  }

  static long put(String key, String value) throws Exception {
    return answer(DIRECT.getKVClient().put(bytes(key), bytes(value))).getHeader().getRevision();
  }

  static GetResponse find(String key, GetOption.Builder options) throws Exception {
    return answer(DIRECT.getKVClient().get(bytes(key), options.build()));
  }

  static GetResponse find(String key) throws Exception {
    return find(key, GetOption.builder());
  }

  static List<String> values(GetResponse answer) {
    return answer.getKvs().stream().map(kv -> kv.getValue().toString()).toList();
  }

  static String put() throws Exception {
    long first = put("put/a", "1");
    same(put("put/a", "2"), first + 1);
    PutOption previous = PutOption.builder().withPrevKV().build();
    KeyValue before =
        answer(DIRECT.getKVClient().put(bytes("put/a"), bytes("3"), previous)).getPrevKv();
    same(before.getValue().toString(), "2");
    same(before.getVersion(), 2L);
    same(before.getModRevision(), first + 1);
    var empty = DIRECT.getKVClient().put(bytes(""), bytes("x"));
    refused(empty, "etcdserver: key is not provided");
    return null;
  }

  static String get() throws Exception {
    long revision = put("get/a", "1");
    put("get/a", "2");
    KeyValue now = find("get/a").getKvs().get(0);
    same(now.getValue().toString(), "2");
    same(now.getCreateRevision(), revision);
    same(now.getVersion(), 2L);
    same(values(find("get/a", GetOption.builder().withRevision(revision))), List.of("1"));
    same(find("get/none").getCount(), 0L);
    return null;
  }

  static String prefix() throws Exception {
    for (int number = 0; number < 5; number++) {
      put("prefix/" + number, "" + number);
    }
    GetOption.Builder all = GetOption.builder().isPrefix(true);
    same(values(find("prefix/", all)), List.of("0", "1", "2", "3", "4"));
    all.withLimit(2).withSortField(GetOption.SortTarget.KEY);
    GetResponse page = find("prefix/", all.withSortOrder(GetOption.SortOrder.DESCEND));
    same(values(page), List.of("4", "3"));
    same(page.isMore(), true);
    same(page.getCount(), 5L);
    DeleteOption every = DeleteOption.builder().isPrefix(true).build();
    same(answer(DIRECT.getKVClient().delete(bytes("prefix/"), every)).getDeleted(), 5L);
    return null;
  }

  static TxnResponse swap() throws Exception {
    ByteSequence key = bytes("txn/a");
    return answer(
        DIRECT
            .getKVClient()
            .txn()
            .If(new Cmp(key, Cmp.Op.EQUAL, CmpTarget.value(bytes("1"))))
            .Then(
                Op.put(key, bytes("2"), PutOption.DEFAULT), Op.get(key, GetOption.DEFAULT))
            .Else(Op.delete(key, DeleteOption.DEFAULT))
            .commit());
  }

  static String txn() throws Exception {
    put("txn/a", "1");
    TxnResponse answer = swap();
    same(answer.isSucceeded(), true);
    same(values(answer.getGetResponses().get(0)), List.of("2"));
    answer = swap();
    same(answer.isSucceeded(), false);
    same(answer.getDeleteResponses().get(0).getDeleted(), 1L);
    return null;
  }

  /** A watcher of a prefix, and the queue of what it is told, each event as text. */
  static class Watching implements AutoCloseable {
    final BlockingQueue<String> told = new LinkedBlockingQueue<>();
    final CompletableFuture<Boolean> created = new CompletableFuture<>();
    final Watch.Watcher watcher;

    Watching(Client client, String prefix, long revision) throws Exception {
      WatchOption.Builder options =
          WatchOption.builder().isPrefix(true).withPrevKV(true).withCreateNotify(true);
      watcher =
          client
              .getWatchClient()
              .watch(
                  bytes(prefix),
                  options.withRevision(revision).build(),
                  answer -> {
                    if (answer.isCreatedNotify()) {
                      created.complete(true);
                    }
                    answer.getEvents().forEach(
                        event -> {
                          KeyValue now = event.getKeyValue();
                          String before = event.getPrevKV().getValue().toString();
                          String was = before.isEmpty() ? "" : " was " + before;
                          String what = now.getKey() + "=" + now.getValue();
                          told.add(event.getEventType() + " " + what + was);
                        });
                  },
                  Throwable::printStackTrace); // it tells of cuts, and goes on
      answer(created);
    }

    List<String> take(int count) throws Exception {
      List<String> found = new ArrayList<>();
      while (found.size() < count) {
        String next = told.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
        if (next == null) {
          throw new AssertionError("only " + found);
        }
        found.add(next);
      }
      return found;
    }

    @Override
    public void close() {
      watcher.close();
    }
  }

  static String watch() throws Exception {
    List<String> wanted = List.of("PUT watch/a=1", "PUT watch/a=2 was 1", "DELETE watch/a= was 2");
    long revision;
    try (Watching now = new Watching(DIRECT, "watch/", 0)) {
      revision = put("watch/a", "1");
      put("watch/a", "2");
      answer(DIRECT.getKVClient().delete(bytes("watch/a")));
      same(now.take(3), wanted);
    }
    try (Watching past = new Watching(DIRECT, "watch/", revision)) {
      same(past.take(3), wanted);
    }
    return null;
  }

  static String resume() throws Exception {
    List<String> found = new ArrayList<>();
    List<String> wanted = new ArrayList<>(List.of("PUT resume/a=0"));
    try (Watching watching = new Watching(THROUGH, "resume/", 0)) {
      for (int number = 0; number < 4; number++) {
        put("resume/a", "" + number);
        wanted.add("PUT resume/a=" + (number + 1) + " was " + number);
        found.addAll(watching.take(1));
        ask("cut");
      }
      put("resume/a", "4");
      found.addAll(watching.take(1));
    }
    same(found, wanted);
    return null;
  }

  static String lease() throws Exception {
    var granted = answer(DIRECT.getLeaseClient().grant(60));
    same(granted.getTTL(), 60L);
    long id = granted.getID();
    PutOption attached = PutOption.builder().withLeaseId(id).build();
    answer(DIRECT.getKVClient().put(bytes("lease/a"), bytes("1"), attached));
    same(answer(DIRECT.getLeaseClient().keepAliveOnce(id)).getTTL(), 60L);
    CompletableFuture<Long> kept = new CompletableFuture<>();
    StreamObserver<LeaseKeepAliveResponse> observer =
        new StreamObserver<>() {
          @Override
          public void onNext(LeaseKeepAliveResponse answer) {
            kept.complete(answer.getTTL());
          }

          @Override
          public void onError(Throwable error) {
            kept.completeExceptionally(error);
          }

          @Override
          public void onCompleted() {}
        };
    try (var keeping = DIRECT.getLeaseClient().keepAlive(id, observer)) {
      same(answer(kept), 60L);
    }
    LeaseOption withKeys = LeaseOption.builder().withAttachedKeys().build();
    var left = answer(DIRECT.getLeaseClient().timeToLive(id, withKeys));
    same(left.getGrantedTTL(), 60L);
    same(left.getKeys(), List.of(bytes("lease/a")));
    answer(DIRECT.getLeaseClient().revoke(id));
    same(find("lease/a").getCount(), 0L);
    return null;
  }

  static String deadline() throws Exception {
    var kv = THROUGH.getKVClient();
    answer(kv.get(bytes("a")));
    ask("stall");
    try {
      kv.get(bytes("a")).get(DEADLINE_MS, TimeUnit.MILLISECONDS);
      throw new AssertionError("it was answered");
    } catch (TimeoutException late) {
      ask("flow");
    }
    same(answer(kv.get(bytes("deadline/none"))).getCount(), 0L);
    return "the future's own: a call is told of no deadline";
  }

  static String cancel() throws Exception {
    var kv = THROUGH.getKVClient();
    answer(kv.get(bytes("a")));
    ask("stall");
    var call = kv.get(bytes("a"));
    same(call.cancel(true), true);
    try {
      answer(call);
      throw new AssertionError("it was answered");
    } catch (CancellationException cancelled) {
      ask("flow");
    }
    same(answer(kv.get(bytes("cancel/none"))).getCount(), 0L);
    Watching watching = new Watching(DIRECT, "cancel/", 0);
    watching.close();
    put("cancel/a", "1");
    try (Watching next = new Watching(DIRECT, "cancel/", 0)) {
      put("cancel/a", "2");
      same(next.take(1), List.of("PUT cancel/a=2 was 1"));
    }
    same(List.copyOf(watching.told), List.of());
    return null;
  }

  static String large() throws Exception {
    byte[] value = new byte[LARGE];
    for (int at = 0; at < LARGE; at++) {
      value[at] = (byte) at;
    }
    answer(DIRECT.getKVClient().put(bytes("large"), ByteSequence.from(value)));
    same(Arrays.equals(find("large").getKvs().get(0).getValue().getBytes(), value), true);
    var call = DIRECT.getKVClient().put(bytes("large"), ByteSequence.from(new byte[TOO_LARGE]));
    refused(call, "etcdserver: request is too large");
    return null;
  }

  static String concurrent() throws Exception {
    long before = put("concurrent", "");
    var calls =
        IntStream.range(0, MANY)
            .mapToObj(n -> DIRECT.getKVClient().put(bytes("concurrent/" + n), bytes("")))
            .toList();
    List<Long> revisions = new ArrayList<>();
    for (var call : calls) {
      revisions.add(answer(call).getHeader().getRevision());
    }
    same(
        revisions.stream().sorted().collect(Collectors.toList()),
        IntStream.range(0, MANY).mapToObj(n -> before + 1 + n).collect(Collectors.toList()));
    same(find("concurrent/", GetOption.builder().isPrefix(true)).getCount(), (long) MANY);
    return null;
  }

  static String members() throws Exception {
    var members = answer(DIRECT.getClusterClient().listMember()).getMembers();
    same(members.stream().map(member -> member.getName()).toList(), List.of("default"));
    var status = answer(DIRECT.getMaintenanceClient().statusMember(place("DIRECT")));
    same(status.getVersion(), "3.7.3");
    same(status.getLeader(), members.get(0).getId());
    return null;
  }

  static String tls() throws Exception {
    File cert = new File(System.getenv("CLIENT_CERT"));
    File key = new File(System.getenv("CLIENT_KEY"));
    try (Client secure =
        Client.builder()
            .endpoints("https://" + System.getenv("CLIENT_SECURE"))
            .sslContext(
                ssl ->
                    ssl.trustManager(new File(System.getenv("CLIENT_CA"))).keyManager(cert, key))
            .build()) {
      answer(secure.getKVClient().put(bytes("tls"), bytes("1")));
      same(values(answer(secure.getKVClient().get(bytes("tls")))), List.of("1"));
    }
    return null;
  }

  static Client login(String user, String password) {
    return Client.builder()
        .endpoints(place("DIRECT"))
        .user(bytes(user))
        .password(bytes(password))
        .build();
  }

  static String auth() throws Exception {
    var auth = DIRECT.getAuthClient();
    answer(auth.userAdd(bytes("root"), bytes("r")));
    answer(auth.userGrantRole(bytes("root"), bytes("root")));
    answer(auth.userAdd(bytes("alice"), bytes("a")));
    answer(auth.roleAdd(bytes("writer")));
    answer(
        auth.roleGrantPermission(
            bytes("writer"), bytes("alice/"), bytes("alice0"), Permission.Type.READWRITE));
    answer(auth.userGrantRole(bytes("alice"), bytes("writer")));
    answer(auth.authEnable());
    refused(DIRECT.getKVClient().get(bytes("alice/a")), "etcdserver: user name is empty");
    try (Client wrong = login("alice", "wrong");
        Client alice = login("alice", "a");
        Client root = login("root", "r")) {
      refused(
          wrong.getKVClient().get(bytes("alice/a")),
          "etcdserver: authentication failed, invalid user ID or password");
      answer(alice.getKVClient().put(bytes("alice/a"), bytes("1")));
      same(values(answer(alice.getKVClient().get(bytes("alice/a")))), List.of("1"));
      refused(
          alice.getKVClient().put(bytes("bob/a"), bytes("1")), "etcdserver: permission denied");
      answer(root.getKVClient().put(bytes("bob/a"), bytes("2")));
      answer(root.getAuthClient().authDisable());
    }
    same(values(find("bob/a")), List.of("2"));
    return null;
  }
}
