//! Many requests at once, from one thread: each is sent on a connection of its own before the answer to the one before
//! is awaited. The server works on all of them; the caller waits for one round trip, not for the sum.
//!
//! What does not go smoothly here (a redirect, a dead token, a broken connection) goes the way of a single request,
//! with all its tries.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Client, Context};
use crate::call::Deadline;
use crate::error::{Error, Result, Status};
use crate::http::{InFlight, Response};
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::requester::Outcome;
use crate::vault::auth::token::Token;

/// Where calls come from and results go to. A result may bring new calls.
pub trait Work {
    /// What is called.
    type Endpoint: Endpoint;

    /// What identifies a call.
    type Tag;

    /// The next call, if there is one now.
    fn next(&mut self) -> Option<(Self::Tag, Self::Endpoint)>;

    /// What came of a call.
    fn done(&mut self, tag: Self::Tag, outcome: Result<<Self::Endpoint as Endpoint>::Output>);
}

/// Calls every one of `endpoints`, with up to `concurrency` requests on their way at a time: the results, in order.
pub fn call_each<E: Endpoint>(
    context: Context<'_>,
    endpoints: impl ExactSizeIterator<Item = E>,
    concurrency: usize,
) -> Vec<Result<E::Output>> {
    let missing = || Err(Error::new(Status::Internal, "a call without a result"));
    let results = (0..endpoints.len()).map(|_| missing()).collect();
    let mut work = InOrder { endpoints: endpoints.enumerate(), results };
    run(context, &mut work, concurrency);
    work.results
}

/// Calls whose results are kept in their order.
struct InOrder<I: Iterator<Item: Endpoint>> {
    endpoints: std::iter::Enumerate<I>,
    results: Vec<Result<<I::Item as Endpoint>::Output>>,
}

impl<I: Iterator<Item: Endpoint>> Work for InOrder<I> {
    type Endpoint = I::Item;
    type Tag = usize;

    fn next(&mut self) -> Option<(usize, I::Item)> {
        self.endpoints.next()
    }

    fn done(&mut self, index: usize, outcome: Result<<I::Item as Endpoint>::Output>) {
        if let Some(place) = self.results.get_mut(index) {
            *place = outcome;
        }
    }
}

/// A request whose answer is awaited.
struct Waiting<T, E> {
    tag: T,
    endpoint: E,
    request: ApiRequest,
    sent: Sent,
}

/// The token that a request went with, the node that it went to, and what is awaited of it.
struct Sent {
    token: Arc<Token>,
    node: usize,
    in_flight: InFlight,
}

/// Does all of `work`, with up to `concurrency` requests on their way at a time.
pub fn run<W: Work>(context: Context<'_>, work: &mut W, concurrency: usize) {
    let Context { client, deadline } = context;
    let mut waiting = VecDeque::with_capacity(concurrency);
    // Why nothing more is tried: what ended one request for good would end the others, one wait after the other.
    let mut over: Option<Error> = None;
    loop {
        while waiting.len() < concurrency.max(1) {
            let Some((tag, endpoint)) = work.next() else { break };
            if let Some(error) = &over {
                work.done(tag, Err(error.clone()));
                continue;
            }
            let request = match endpoint.request() {
                Ok(request) => request,
                Err(error) => {
                    work.done(tag, Err(error));
                    continue;
                }
            };
            match send(client, &request, deadline) {
                Ok(sent) => waiting.push_back(Waiting { tag, endpoint, request, sent }),
                Err(detour) => {
                    let outcome = detour.finish(client, &request, deadline);
                    over = outcome.as_ref().err().filter(|error| ends_all(error)).cloned();
                    work.done(tag, outcome.and_then(|response| endpoint.parse(&request.path, response)));
                }
            }
        }
        let Some(Waiting { tag, endpoint, request, sent }) = waiting.pop_front() else { return };
        let Sent { token, node, in_flight } = sent;
        let outcome = match client.requester.receive(node, in_flight, token.header(), &request, deadline) {
            Outcome::Answer(response) if response.status != 403 => Ok(response),
            // One connection that broke in the middle of a write says nothing about the others.
            Outcome::Failed(error) => Err(error),
            _ => {
                let outcome = Detour::Again.finish(client, &request, deadline);
                over = over.or_else(|| outcome.as_ref().err().filter(|error| ends_all(error)).cloned());
                outcome
            }
        };
        over = over.or_else(|| deadline.remaining().err());
        work.done(tag, outcome.and_then(|response| endpoint.parse(&request.path, response)));
    }
}

/// Whether a request that had all its tries failed for a reason that the next one would meet, too.
fn ends_all(error: &Error) -> bool {
    matches!(error.status(), Status::Auth | Status::Cancelled | Status::Connection | Status::Timeout | Status::Tls)
}

/// Why a request was not sent smoothly.
enum Detour {
    /// It is worth the way of a single request.
    Again,
    /// It is not.
    Failed(Error),
}

impl Detour {
    fn finish(self, client: &Client, request: &ApiRequest, deadline: &Deadline) -> Result<Response> {
        match self {
            Detour::Again => client.send(request, deadline),
            Detour::Failed(error) => Err(error),
        }
    }
}

fn send(client: &Client, request: &ApiRequest, deadline: &Deadline) -> Result<Sent, Detour> {
    let token = client.token(request.is_counted, deadline).map_err(Detour::Failed)?;
    match client.requester.start(token.header(), request, deadline) {
        Ok((node, in_flight)) => Ok(Sent { token, node, in_flight }),
        Err(Outcome::Failed(error)) => Err(Detour::Failed(error)),
        Err(_) => Err(Detour::Again),
    }
}
