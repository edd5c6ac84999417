//! Holds the crate etcd-client against a running server.

use std::env::var;
use std::io::BufRead;
use std::time::Duration;

use etcd_client::{
    Certificate, Client, Compare, CompareOp, ConnectOptions, DeleteOptions, Error, EventType,
    GetOptions, Identity, LeaseTimeToLiveOptions, Permission, PutOptions, SortOrder, SortTarget,
    TlsOptions, Txn, TxnOp, TxnOpResponse, WatchOptions, WatchStream,
};
use serde_json::{json, Value};
use tokio::time::timeout;

const LARGE: usize = 1_400_000;
const TOO_LARGE: usize = 1_600_000;
const MANY: i64 = 100;
const DEADLINE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing, or what there is to say; an error says what was wrong.
type Checked = Result<Option<&'static str>, Box<dyn std::error::Error>>;

macro_rules! same {
    ($found:expr, $wanted:expr) => {{
        match ($found, $wanted) {
            (found, wanted) if found != wanted => {
                let text = format!("line {}: {found:?} instead of {wanted:?}", line!());
                return Err(text.chars().take(500).collect::<String>().into());
            }
            _ => {}
        }
    }};
}

fn say(line: Value) {
    println!("{line}");
}

/// Have the proxy cut, stall or flow.
fn ask(what: &str) {
    say(json!({ "do": what }));
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .expect("an answer");
    assert_eq!(answer, "done\n");
}

fn place(name: &str) -> String {
    var(format!("CLIENT_{name}")).expect("a place")
}

async fn connect(name: &str, options: Option<ConnectOptions>) -> Result<Client, Error> {
    Client::connect([place(name)], options).await
}

fn as_user(name: &str, password: &str) -> Option<ConnectOptions> {
    Some(ConnectOptions::new().with_user(name, password))
}

/// What the server said that it refuses a call for.
fn refusal<T>(answer: Result<T, Error>) -> String {
    match answer {
        Ok(_) => "answered".into(),
        Err(Error::GRpcStatus(status)) => status.message().into(),
        Err(other) => format!("{other:?}"),
    }
}

async fn set(client: &Client, key: &str, value: &str) -> Result<i64, Error> {
    let answer = client.kv_client().put(key, value, None).await?;
    Ok(answer.header().expect("a header").revision())
}

async fn count(client: &Client, prefix: &str) -> Result<i64, Error> {
    let options = GetOptions::new().with_prefix().with_count_only();
    Ok(client.kv_client().get(prefix, Some(options)).await?.count())
}

/// So many events of a watcher, each as text.
async fn told(
    stream: &mut WatchStream,
    count: usize,
) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut found = vec![];
    while found.len() < count {
        let answer = timeout(PATIENCE, stream.message())
            .await??
            .ok_or("the watcher ended")?;
        for event in answer.events() {
            let kv = event.kv().ok_or("no key")?;
            let kind = match event.event_type() {
                EventType::Put => "PUT",
                EventType::Delete => "DELETE",
            };
            let before = match event.prev_kv() {
                Some(before) => format!(" was {}", before.value_str()?),
                None => String::new(),
            };
            found.push(format!(
                "{kind} {}={}{before}",
                kv.key_str()?,
                kv.value_str()?
            ));
        }
    }
    Ok(found)
}

async fn put(client: &Client) -> Checked {
    let first = set(client, "put/a", "1").await?;
    same!(set(client, "put/a", "2").await?, first + 1);
    let options = Some(PutOptions::new().with_prev_key());
    let mut answer = client.kv_client().put("put/a", "3", options).await?;
    let before = answer.take_prev_key().ok_or("no previous value")?;
    same!((before.value_str()?, before.version()), ("2", 2));
    same!(before.mod_revision(), first + 1);
    let refused = refusal(client.kv_client().put("", "x", None).await);
    same!(refused, "etcdserver: key is not provided");
    Ok(None)
}

async fn get(client: &Client) -> Checked {
    let revision = set(client, "get/a", "1").await?;
    set(client, "get/a", "2").await?;
    let now = client.kv_client().get("get/a", None).await?;
    let kv = &now.kvs()[0];
    same!(
        (kv.value_str()?, kv.create_revision(), kv.version()),
        ("2", revision, 2)
    );
    let options = Some(GetOptions::new().with_revision(revision));
    let then = client.kv_client().get("get/a", options).await?;
    same!(then.kvs()[0].value_str()?, "1");
    same!(client.kv_client().get("get/none", None).await?.count(), 0);
    Ok(None)
}

async fn prefix(client: &Client) -> Checked {
    for number in 0..5 {
        set(client, &format!("prefix/{number}"), &number.to_string()).await?;
    }
    let values = |answer: &etcd_client::GetResponse| -> Vec<Vec<u8>> {
        answer.kvs().iter().map(|kv| kv.value().to_vec()).collect()
    };
    let all = client
        .kv_client()
        .get("prefix/", Some(GetOptions::new().with_prefix()))
        .await?;
    same!(values(&all), [b"0", b"1", b"2", b"3", b"4"]);
    let backwards = GetOptions::new()
        .with_prefix()
        .with_limit(2)
        .with_sort(SortTarget::Key, SortOrder::Descend);
    let page = client.kv_client().get("prefix/", Some(backwards)).await?;
    same!(values(&page), [b"4", b"3"]);
    same!((page.more(), page.count()), (true, 5));
    let options = Some(DeleteOptions::new().with_prefix());
    same!(
        client
            .kv_client()
            .delete("prefix/", options)
            .await?
            .deleted(),
        5
    );
    Ok(None)
}

async fn txn(client: &Client) -> Checked {
    set(client, "txn/a", "1").await?;
    let swap = Txn::new()
        .when([Compare::value("txn/a", CompareOp::Equal, "1")])
        .and_then([TxnOp::put("txn/a", "2", None), TxnOp::get("txn/a", None)])
        .or_else([TxnOp::delete("txn/a", None)]);
    let answer = client.kv_client().txn(swap.clone()).await?;
    same!(answer.succeeded(), true);
    match &answer.op_responses()[1] {
        TxnOpResponse::Get(found) => same!(found.kvs()[0].value_str()?, "2"),
        other => return Err(format!("{other:?}").into()),
    }
    let answer = client.kv_client().txn(swap).await?;
    same!(answer.succeeded(), false);
    match &answer.op_responses()[0] {
        TxnOpResponse::Delete(gone) => same!(gone.deleted(), 1),
        other => return Err(format!("{other:?}").into()),
    }
    Ok(None)
}

async fn watch(client: &Client) -> Checked {
    let options = WatchOptions::new().with_prefix().with_prev_key();
    let mut stream = client
        .watch_client()
        .watch("watch/", Some(options.clone()))
        .await?;
    let created = timeout(PATIENCE, stream.message())
        .await??
        .ok_or("it ended")?;
    same!(created.created(), true);
    let revision = set(client, "watch/a", "1").await?;
    set(client, "watch/a", "2").await?;
    client.kv_client().delete("watch/a", None).await?;
    let wanted = [
        "PUT watch/a=1",
        "PUT watch/a=2 was 1",
        "DELETE watch/a= was 2",
    ];
    same!(told(&mut stream, 3).await?, wanted);
    let options = Some(options.with_start_revision(revision));
    let mut past = client.watch_client().watch("watch/", options).await?;
    same!(told(&mut past, 3).await?, wanted);
    Ok(None)
}

async fn resume(client: &Client) -> Checked {
    let through = connect("THROUGH", None).await?;
    let mut found = vec![];
    for number in 0..3 {
        let revision = set(client, "resume/a", &number.to_string()).await?;
        let options = Some(
            WatchOptions::new()
                .with_prefix()
                .with_start_revision(revision),
        );
        // A connection that was cut may be tried once more before the client has noticed.
        let mut stream = match through
            .watch_client()
            .watch("resume/", options.clone())
            .await
        {
            Ok(stream) => stream,
            Err(_) => through.watch_client().watch("resume/", options).await?,
        };
        found.append(&mut told(&mut stream, 1).await?);
        ask("cut");
        if let Ok(Some(answer)) = timeout(PATIENCE, stream.message()).await? {
            return Err(format!("{answer:?} after the end").into());
        }
    }
    same!(
        found,
        ["PUT resume/a=0", "PUT resume/a=1", "PUT resume/a=2"]
    );
    Ok(Some(
        "no resume of its own: watched again from the next revision",
    ))
}

async fn lease(client: &Client) -> Checked {
    let mut leases = client.lease_client();
    let granted = leases.grant(60, None).await?;
    same!(granted.ttl(), 60);
    let id = granted.id();
    let options = Some(PutOptions::new().with_lease(id));
    client.kv_client().put("lease/a", "1", options).await?;
    let (mut keeper, mut kept) = leases.keep_alive(id).await?;
    for _ in 0..2 {
        keeper.keep_alive().await?;
        let answer = timeout(PATIENCE, kept.message())
            .await??
            .ok_or("it ended")?;
        same!((answer.id(), answer.ttl()), (id, 60));
    }
    let options = Some(LeaseTimeToLiveOptions::new().with_keys());
    let left = leases.time_to_live(id, options).await?;
    same!(
        (left.granted_ttl(), left.keys()),
        (60, &[b"lease/a".to_vec()][..])
    );
    leases.revoke(id).await?;
    same!(count(client, "lease/a").await?, 0);
    Ok(None)
}

async fn deadline(_: &Client) -> Checked {
    let options = Some(ConnectOptions::new().with_timeout(DEADLINE));
    let hurried = connect("THROUGH", options).await?;
    hurried.kv_client().get("a", None).await?;
    ask("stall");
    let refused = refusal(hurried.kv_client().get("a", None).await);
    same!(refused, "Timeout expired");
    ask("flow");
    same!(
        hurried
            .kv_client()
            .get("deadline/none", None)
            .await?
            .count(),
        0
    );
    Ok(None)
}

async fn cancel(client: &Client) -> Checked {
    let through = connect("THROUGH", None).await?;
    through.kv_client().get("a", None).await?;
    ask("stall");
    let call = tokio::spawn({
        let mut kv = through.kv_client();
        async move { kv.get("a", None).await }
    });
    tokio::task::yield_now().await;
    call.abort();
    same!(
        call.await.map_err(|error| error.is_cancelled()).err(),
        Some(true)
    );
    ask("flow");
    same!(
        through.kv_client().get("cancel/none", None).await?.count(),
        0
    );
    let options = Some(WatchOptions::new().with_prefix());
    let mut stream = client.watch_client().watch("cancel/", options).await?;
    let created = timeout(PATIENCE, stream.message())
        .await??
        .ok_or("it ended")?;
    same!(created.created(), true);
    stream.cancel(created.watch_id()).await?;
    let canceled = timeout(PATIENCE, stream.message())
        .await??
        .ok_or("it ended")?;
    same!(
        (canceled.canceled(), canceled.watch_id()),
        (true, created.watch_id())
    );
    set(client, "cancel/a", "1").await?;
    stream.watch("x", None).await?;
    let next = timeout(PATIENCE, stream.message())
        .await??
        .ok_or("it ended")?;
    same!((next.created(), next.events().len()), (true, 0));
    Ok(None)
}

async fn large(client: &Client) -> Checked {
    let value: Vec<u8> = (0..LARGE).map(|at| (at % 251) as u8).collect();
    client.kv_client().put("large", value.clone(), None).await?;
    let found = client.kv_client().get("large", None).await?;
    same!(found.kvs()[0].value() == value, true);
    let refused = refusal(
        client
            .kv_client()
            .put("large", vec![0; TOO_LARGE], None)
            .await,
    );
    same!(refused, "etcdserver: request is too large");
    Ok(None)
}

async fn concurrent(client: &Client) -> Checked {
    let before = set(client, "concurrent", "").await?;
    let calls: Vec<_> = (0..MANY)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { set(&client, &format!("concurrent/{number}"), "").await })
        })
        .collect();
    let mut revisions = vec![];
    for call in calls {
        revisions.push(call.await??);
    }
    revisions.sort_unstable();
    same!(revisions, (before + 1..=before + MANY).collect::<Vec<_>>());
    same!(count(client, "concurrent/").await?, MANY);
    Ok(None)
}

async fn members(client: &Client) -> Checked {
    let listed = client.cluster_client().member_list().await?;
    let found: Vec<_> = listed
        .members()
        .iter()
        .map(|member| member.name())
        .collect();
    same!(found, ["default"]);
    let status = client.maintenance_client().status().await?;
    same!(
        (status.version(), status.leader()),
        ("3.7.3", listed.members()[0].id())
    );
    Ok(None)
}

async fn tls(_: &Client) -> Checked {
    let read = |name| std::fs::read(place(name));
    let options = TlsOptions::new()
        .ca_certificate(Certificate::from_pem(read("CA")?))
        .identity(Identity::from_pem(read("CERT")?, read("KEY")?));
    let where_to = format!("https://{}", place("SECURE"));
    let options = ConnectOptions::new().with_tls(options);
    let secure = Client::connect([where_to], Some(options)).await?;
    set(&secure, "tls", "1").await?;
    same!(
        secure.kv_client().get("tls", None).await?.kvs()[0].value_str()?,
        "1"
    );
    Ok(None)
}

async fn auth(client: &Client) -> Checked {
    let mut auth = client.auth_client();
    auth.user_add("root", "r", None).await?;
    auth.user_grant_role("root", "root").await?;
    auth.user_add("alice", "a", None).await?;
    auth.role_add("writer").await?;
    auth.role_grant_permission("writer", Permission::read_write("alice/").with_prefix())
        .await?;
    auth.user_grant_role("alice", "writer").await?;
    auth.auth_enable().await?;
    let refused = refusal(client.kv_client().get("alice/a", None).await);
    same!(refused, "etcdserver: user name is empty");
    let refused = refusal(connect("DIRECT", as_user("alice", "wrong")).await);
    same!(
        refused,
        "etcdserver: authentication failed, invalid user ID or password"
    );
    let alice = connect("DIRECT", as_user("alice", "a")).await?;
    set(&alice, "alice/a", "1").await?;
    same!(
        alice.kv_client().get("alice/a", None).await?.kvs()[0].value_str()?,
        "1"
    );
    let refused = refusal(set(&alice, "bob/a", "1").await);
    same!(refused, "etcdserver: permission denied");
    let root = connect("DIRECT", as_user("root", "r")).await?;
    set(&root, "bob/a", "2").await?;
    root.auth_client().auth_disable().await?;
    same!(
        client.kv_client().get("bob/a", None).await?.kvs()[0].value_str()?,
        "2"
    );
    Ok(None)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let client = connect("DIRECT", None).await?;
    macro_rules! check {
        ($wanted:expr; $($name:ident)*) => {
            let mut line = json!({"check": $wanted, "ok": true});
            let checked = match $wanted {
                $(stringify!($name) => $name(&client).await,)*
                _ => Err("there is no such check".into()),
            };
            match checked {
                Ok(None) => {}
                Ok(Some(note)) => line["note"] = json!(note),
                Err(error) => {
                    line["ok"] = json!(false);
                    line["detail"] = json!(error.to_string());
                }
            }
            say(line);
        };
    }
    for wanted in var("CLIENT_CHECKS").expect("names of checks").split(',') {
        check!(wanted; put get prefix txn watch resume lease deadline cancel large concurrent
            members tls auth);
    }
    Ok(())
}
