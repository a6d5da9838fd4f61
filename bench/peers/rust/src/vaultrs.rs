//! vaultrs on tokio, as its documentation uses it.

mod harness;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use serde::Deserialize;
use tokio::sync::Barrier;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
use vaultrs::kv2;

use harness::{PATH, answer, nanoseconds, next_command, number, only_gets, setting};

const MOUNT: &str = "secret";
const VALUE: &str = "Wd2mE8hTq5ZrK1xVn7BcYs4LfJ9gPa6uQ3oR0tXi";

/// A document that nginx.py records, and the number of its fields, whose texts are as long as the value.
const DOCUMENT: &str = "bench/document";
const FIELDS: usize = 20;

/// The number of requests in flight of a batch or a list.
const CONCURRENCY: usize = 8;

#[derive(Deserialize)]
struct Document {
    value: String,
}

async fn get(client: &VaultClient, path: &str) -> String {
    kv2::read::<Document>(client, MOUNT, path).await.expect("a secret").value
}

/// Gets a document and reads the texts of all fields.
async fn texts(client: &VaultClient) {
    let fields: HashMap<String, String> = kv2::read(client, MOUNT, DOCUMENT).await.expect("a document");
    assert_eq!(fields.values().map(String::len).sum::<usize>(), FIELDS * VALUE.len());
}

async fn store(client: &VaultClient) {
    kv2::set(client, MOUNT, "bench/stored", &HashMap::from([("value", VALUE)])).await.expect("a store");
}

async fn time_each<'c, F: Future>(client: &'c VaultClient, count: usize, operation: impl Fn(&'c VaultClient) -> F) {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        operation(client).await;
        times.push(nanoseconds(start.elapsed()));
    }
    answer(times);
}

/// Gets for `duration`, once all tasks are ready, and returns the number of gets.
async fn work(client: Arc<VaultClient>, start: Arc<Barrier>, duration: Duration) -> usize {
    get(&client, PATH).await; // connects before the clock starts
    start.wait().await;
    let begin = Instant::now();
    let mut gets = 0;
    while begin.elapsed() < duration {
        get(&client, PATH).await;
        gets += 1;
    }
    gets
}

async fn threads(client: &Arc<VaultClient>, count: usize, duration: Duration) {
    let start = Arc::new(Barrier::new(count + 1));
    let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(work(client.clone(), start.clone(), duration))).collect();
    start.wait().await;
    let begin = Instant::now();
    let mut gets = 0;
    for task in tasks {
        gets += task.await.expect("a task");
    }
    answer([gets, nanoseconds(begin.elapsed())]);
}

/// Walks the folders of one level at a time, several requests in flight.
async fn list(client: &VaultClient, folder: String) -> usize {
    let mut folders = vec![folder];
    let mut count = 0;
    while !folders.is_empty() {
        let requests = folders.into_iter().map(|folder| list_folder(client, folder));
        let levels: Vec<_> = stream::iter(requests).buffer_unordered(CONCURRENCY).collect().await;
        folders = Vec::new();
        for (inner, secrets) in levels {
            folders.extend(inner);
            count += secrets;
        }
    }
    count
}

fn list_folder(client: &VaultClient, folder: String) -> BoxFuture<'_, (Vec<String>, usize)> {
    Box::pin(async move {
        let keys = kv2::list(client, MOUNT, &folder).await.expect("a list");
        let inner: Vec<_> = keys.iter().filter_map(|key| key.strip_suffix('/')).collect();
        let secrets = keys.len() - inner.len();
        (inner.into_iter().map(|key| format!("{folder}/{key}")).collect(), secrets)
    })
}

async fn batch(client: &VaultClient, count: usize) -> usize {
    let paths = (0..count).map(|i| format!("bench/many/{}/{}/{}", i / 400, i / 20 % 20, i % 20));
    let requests = paths.map(|path| async move { get(client, &path).await });
    stream::iter(requests).buffer_unordered(CONCURRENCY).count().await
}

async fn serve(client: Arc<VaultClient>) {
    println!("ready {}", get(&client, PATH).await);
    while let Some(words) = next_command() {
        let start = Instant::now();
        match words[0].as_str() {
            "get" => time_each(&client, number(&words, 1), |client| get(client, PATH)).await,
            "document" => time_each(&client, number(&words, 1), texts).await,
            "store" => time_each(&client, number(&words, 1), store).await,
            "threads" => {
                let duration = Duration::from_millis(number(&words, 2) as u64);
                threads(&client, number(&words, 1), duration).await;
            }
            "list" => {
                let count = list(&client, words[1].clone()).await;
                answer([nanoseconds(start.elapsed()), count]);
            }
            "batch" => {
                let count = batch(&client, number(&words, 1)).await;
                answer([nanoseconds(start.elapsed()), count]);
            }
            other => panic!("what is {other}?"),
        }
    }
}

#[tokio::main]
async fn main() {
    // Reads VAULT_CACERT, and the certificates of the system.
    let settings = VaultClientSettingsBuilder::default()
        .address(setting("VAULT_ADDR"))
        .token(setting("VAULT_TOKEN"))
        .build()
        .expect("settings");
    let client = Arc::new(VaultClient::new(settings).expect("a client"));
    if let Some(count) = only_gets() {
        for _ in 0..count {
            get(&client, PATH).await;
        }
        return;
    }
    // In a task, which the thread that polls the socket runs itself.
    tokio::spawn(serve(client)).await.expect("the peer");
}
