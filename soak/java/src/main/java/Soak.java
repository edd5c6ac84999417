import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.Watch;
import io.etcd.jetcd.kv.PutResponse;
import io.etcd.jetcd.lease.LeaseKeepAliveResponse;
import io.etcd.jetcd.op.Cmp;
import io.etcd.jetcd.op.CmpTarget;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.PutOption;
import io.etcd.jetcd.options.WatchOption;
import io.etcd.jetcd.watch.WatchEvent;
import io.etcd.jetcd.watch.WatchResponse;
import io.grpc.stub.StreamObserver;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * One of the clients of `python -m soak`, on jetcd. What it does and what it prints is said in
 * soak/told.py.
 */
public final class Soak {
    private static final long PATIENCE_SECONDS = 20;
    private static final int ATTEMPTS = 50;

    private static volatile boolean isStopping;
    private static boolean isDone;
    private static Client client;
    private static KV kv;
    private static String prefix;

    /** Prints a line; none after the last, whatever a thread of the client still has to say. */
    private static synchronized void tell(String told, String... pairs) {
        if (isDone) {
            return;
        }
        isDone = told.equals("done");
        var line = new StringBuilder("{\"told\": \"" + told + "\"");
        for (int at = 0; at < pairs.length; at += 2) {
            line.append(", \"").append(pairs[at]).append("\": ").append(pairs[at + 1]);
        }
        System.out.println(line.append("}"));
    }

    private static String text(String value) {
        return "\"" + value.replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\s+", " ") + "\"";
    }

    private static ByteSequence bytes(String value) {
        return ByteSequence.from(value, StandardCharsets.UTF_8);
    }

    private static <T> T answerOf(CompletableFuture<T> future) throws Exception {
        return future.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    private static String reason(Throwable error) {
        while (error.getCause() != null) {
            error = error.getCause();
        }
        return text(error.toString());
    }

    private static boolean put(String key, String value, CompletableFuture<PutResponse> answer) {
        try {
            long revision = answerOf(answer).getHeader().getRevision();
            tell("put", "key", text(key), "value", text(value), "revision", "" + revision);
            return true;
        } catch (Exception error) {
            tell("put", "key", text(key), "value", text(value), "error", reason(error));
            return false;
        }
    }

    private static final class Worker {
        private final int number;
        private final Random random;
        private int count;

        Worker(int number, long seed) {
            this.number = number;
            this.random = new Random(seed * 1000 + number);
        }

        private String fresh() {
            count += 1;
            return number + "-" + count;
        }

        void step() {
            String key = prefix + "keys/" + number + "/" + random.nextInt(20);
            int draw = random.nextInt(100);
            if (draw < 40) {
                String value = fresh();
                put(key, value, kv.put(bytes(key), bytes(value)));
            } else if (draw < 60) {
                get(key);
            } else if (draw < 75) {
                txn(key, fresh());
            } else if (draw < 88) {
                delete(key);
            } else {
                leased(fresh(), draw < 96 ? 60 : 2);
            }
        }

        private void get(String key) {
            try {
                var answer = answerOf(kv.get(bytes(key), GetOption.DEFAULT));
                String revision = "" + answer.getHeader().getRevision();
                if (answer.getKvs().isEmpty()) {
                    tell("get", "key", text(key), "revision", revision, "absent", "true");
                } else {
                    String value = answer.getKvs().get(0).getValue().toString();
                    tell("get", "key", text(key), "revision", revision, "value", text(value));
                }
            } catch (Exception error) {
                tell("get", "key", text(key), "error", reason(error));
            }
        }

        private void txn(String key, String value) {
            var write = Op.put(bytes(key), bytes(value), PutOption.DEFAULT);
            try {
                var answer = answerOf(kv.txn()
                        .If(new Cmp(bytes(key), Cmp.Op.GREATER, CmpTarget.version(0)))
                        .Then(write, Op.get(bytes(key), GetOption.DEFAULT))
                        .Else(write)
                        .commit());
                String revision = "" + answer.getHeader().getRevision();
                tell("put", "key", text(key), "value", text(value), "revision", revision);
            } catch (Exception error) {
                tell("put", "key", text(key), "value", text(value), "error", reason(error));
            }
        }

        private void delete(String key) {
            try {
                var answer = answerOf(kv.delete(bytes(key)));
                tell("delete", "key", text(key), "revision", "" + answer.getHeader().getRevision(),
                        "absent", "" + (answer.getDeleted() == 0));
            } catch (Exception error) {
                tell("delete", "key", text(key), "error", reason(error));
            }
        }

        /** Puts a key with a lease of its own: a long one is renewed and revoked, a short one expires. */
        private void leased(String value, long seconds) {
            String key = prefix + "leased/" + value;
            var leases = client.getLeaseClient();
            long lease;
            try {
                lease = answerOf(leases.grant(seconds)).getID();
            } catch (Exception error) {
                tell("grant", "error", reason(error));
                return;
            }
            var option = PutOption.builder().withLeaseId(lease).build();
            put(key, value, kv.put(bytes(key), bytes(value), option));
            if (seconds < 10) {
                tell("expires", "key", text(key));
                return;
            }
            try {
                answerOf(leases.keepAliveOnce(lease));
            } catch (Exception error) {
                tell("keepalive", "error", reason(error));
            }
            try {
                long revision = answerOf(leases.revoke(lease)).getHeader().getRevision();
                tell("revoke", "key", text(key), "revision", "" + revision);
            } catch (Exception error) {
                tell("revoke", "key", text(key), "error", reason(error));
            }
        }
    }

    /** Keeps one lease for the whole time; its key has to be there until the end. */
    private static void alive() throws Exception {
        for (int attempt = 0; attempt < ATTEMPTS; attempt += 1) {
            long lease;
            try {
                lease = answerOf(client.getLeaseClient().grant(30)).getID();
            } catch (Exception error) {
                continue;
            }
            String key = prefix + "alive";
            var option = PutOption.builder().withLeaseId(lease).build();
            if (!put(key, "alive", kv.put(bytes(key), bytes("alive"), option))) {
                continue;
            }
            client.getLeaseClient().keepAlive(lease, new StreamObserver<>() {
                @Override
                public void onNext(LeaseKeepAliveResponse answer) {}

                @Override
                public void onError(Throwable error) {
                    // It goes on by itself; whether it did shows in the key that is still there.
                    tell("keepalive", "error", reason(error));
                }

                @Override
                public void onCompleted() {}
            });
            return;
        }
        throw new IllegalStateException("no lease could be had");
    }

    /**
     * Tells every event of the prefix. jetcd resumes after some errors and gives up after others, so
     * after any of them this one watches anew, from the revision behind the last event.
     */
    private static final class Watching {
        final CountDownLatch ended = new CountDownLatch(1);
        private Watch.Watcher watcher;
        private long next = 1;
        private int opened;

        synchronized void open() {
            int number = opened += 1;
            var option = WatchOption.builder().isPrefix(true).withRevision(next).build();
            watcher = client.getWatchClient().watch(bytes(prefix), option, Watch.listener(
                    response -> hear(number, response), error -> reopen(number, error)));
        }

        private synchronized void reopen(int number, Throwable error) {
            if (number != opened) {
                return;
            }
            tell("watch", "error", reason(error));
            var broken = watcher;
            open();
            if (broken != null) {
                broken.close();
            }
        }

        private synchronized void hear(int number, WatchResponse response) {
            if (number != opened) {
                return;
            }
            for (var event : response.getEvents()) {
                String key = event.getKeyValue().getKey().toString();
                String revision = "" + event.getKeyValue().getModRevision();
                next = event.getKeyValue().getModRevision() + 1;
                if (event.getEventType() == WatchEvent.EventType.PUT) {
                    String value = event.getKeyValue().getValue().toString();
                    tell("event", "key", text(key), "revision", revision, "value", text(value));
                } else {
                    tell("event", "key", text(key), "revision", revision, "absent", "true");
                }
                if (key.equals(prefix + "end")) {
                    opened += 1; // leases that expire go on making events
                    ended.countDown();
                    return;
                }
            }
        }
    }

    private static void stopWithStandardInput() {
        try {
            while (System.in.read() >= 0) {}
        } catch (java.io.IOException error) {
            tell("failed", "error", reason(error));
        }
        isStopping = true;
    }

    private static void work(Worker worker, int steps, int pause) {
        for (int done = 0; !isStopping && (steps == 0 || done < steps); done += 1) {
            try {
                Thread.sleep(pause);
            } catch (InterruptedException error) {
                return;
            }
            worker.step();
        }
    }

    public static void main(String[] arguments) throws Exception {
        prefix = arguments[1] + "/";
        int workers = Integer.parseInt(arguments[2]);
        int steps = Integer.parseInt(arguments[3]);
        int pause = Integer.parseInt(arguments[4]);
        long seed = Long.parseLong(arguments[5]);
        client = Client.builder().endpoints(arguments[0]).build();
        kv = client.getKVClient();
        var stopper = new Thread(Soak::stopWithStandardInput);
        stopper.setDaemon(true);
        stopper.start();
        alive();
        var watching = new Watching();
        watching.open();
        List<Thread> threads = new ArrayList<>();
        for (int number = 0; number < workers; number += 1) {
            var worker = new Worker(number, seed);
            var thread = new Thread(() -> work(worker, steps, pause));
            threads.add(thread);
            thread.start();
        }
        for (var thread : threads) {
            thread.join();
        }
        String key = prefix + "end";
        for (int attempt = 0; attempt < ATTEMPTS; attempt += 1) {
            if (put(key, "end", kv.put(bytes(key), bytes("end")))) {
                break;
            }
        }
        if (!watching.ended.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
            tell("failed", "error", text("the watch does not see the end"));
        }
        tell("done");
        System.exit(0);
    }
}
