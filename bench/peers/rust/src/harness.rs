//! The harness of Rust peers: prints `ready VALUE` after the first get, then executes one command per line of standard
//! input, like `bench/peers/c/harness.c`.

use std::fmt::Display;
use std::time::Duration;

pub const PATH: &str = "bench/one";

pub fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; bench/run starts this program with all it needs"))
}

/// N, if the arguments are `gets N`.
pub fn only_gets() -> Option<usize> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [verb, count] if verb == "gets" => Some(count.parse().expect("a number")),
        _ => None,
    }
}

/// The command on the next line; `None` at the end.
pub fn next_command() -> Option<Vec<String>> {
    let mut line = String::new();
    let length = std::io::stdin().read_line(&mut line).expect("standard input");
    (length > 0).then(|| line.split_whitespace().map(str::to_owned).collect())
}

pub fn number(words: &[String], index: usize) -> usize {
    words[index].parse().expect("a number")
}

pub fn answer(numbers: impl IntoIterator<Item = impl Display>) {
    let words: Vec<String> = numbers.into_iter().map(|n| n.to_string()).collect();
    println!("{}", words.join(" "));
}

pub fn nanoseconds(duration: Duration) -> usize {
    duration.as_nanos().try_into().expect("less than a century")
}
