//! Many requests at once, from one thread: each is sent on a connection of its own before the answer to the one before
//! is awaited. The server works on all of them; the caller waits for one round trip, not for the sum.
//!
//! What does not go smoothly here (a redirect, a dead token, a broken connection) goes the way of a single request,
//! with all its tries.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Context;
use crate::error::{Error, Result, Status};
use crate::http::{InFlight, Response};
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::outcome::{Outcome, Sent};
use crate::vault::api::request::ApiRequest;
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
    token: Arc<Token>,
    sent: Sent,
    in_flight: InFlight,
}

/// Does all of `work`, with up to `concurrency` requests on their way at a time.
pub fn run<W: Work>(context: Context<'_>, work: &mut W, concurrency: usize) {
    Batch { context, work, waiting: VecDeque::with_capacity(concurrency), over: None }.run(concurrency.max(1));
}

/// A batch under way.
struct Batch<'w, 'c, W: Work> {
    context: Context<'c>,
    work: &'w mut W,
    waiting: VecDeque<Waiting<W::Tag, W::Endpoint>>,
    /// Why nothing more is tried: what ended one request for good would end the others, one wait after the other.
    over: Option<Error>,
}

impl<W: Work> Batch<'_, '_, W> {
    fn run(&mut self, concurrency: usize) {
        loop {
            while self.waiting.len() < concurrency {
                let Some((tag, endpoint)) = self.work.next() else { break };
                self.begin(tag, endpoint);
            }
            let Some(oldest) = self.waiting.pop_front() else { return };
            self.finish(oldest);
        }
    }

    /// Sends a request, or ends its call at once.
    fn begin(&mut self, tag: W::Tag, endpoint: W::Endpoint) {
        if let Some(error) = &self.over {
            return self.work.done(tag, Err(error.clone()));
        }
        let request = match endpoint.request() {
            Ok(request) => request,
            Err(error) => return self.work.done(tag, Err(error)),
        };
        match self.send(&request) {
            Ok((token, sent, in_flight)) => {
                self.waiting.push_back(Waiting { tag, endpoint, request, token, sent, in_flight });
            }
            Err(Outcome::Failed(error)) => self.end(tag, &endpoint, &request, Err(error)),
            Err(_) => self.go_alone(tag, &endpoint, &request),
        }
    }

    fn send(&self, request: &ApiRequest) -> Result<(Arc<Token>, Sent, InFlight), Outcome> {
        let Context { client, deadline } = self.context;
        let token = client.token(request.is_counted, deadline).map_err(Outcome::Failed)?;
        let (sent, in_flight) = client.requester.start(token.header(), request, deadline)?;
        Ok((token, sent, in_flight))
    }

    /// Waits for the answer to a request.
    fn finish(&mut self, waiting: Waiting<W::Tag, W::Endpoint>) {
        let Context { client, deadline } = self.context;
        let Waiting { tag, endpoint, request, token, sent, in_flight } = waiting;
        match client.requester.receive(sent, in_flight, token.header(), &request, deadline) {
            Outcome::Response(response) if response.status != 403 => {
                self.work.done(tag, endpoint.parse(&request.path, response));
            }
            // One connection that broke in the middle of a write says nothing about the others.
            Outcome::Failed(error) => self.work.done(tag, Err(error)),
            _ => self.go_alone(tag, &endpoint, &request),
        }
        self.over = self.over.take().or_else(|| deadline.remaining().err());
    }

    /// Sends the request as a single one.
    fn go_alone(&mut self, tag: W::Tag, endpoint: &W::Endpoint, request: &ApiRequest) {
        let outcome = self.context.client.send(request, self.context.deadline);
        self.end(tag, endpoint, request, outcome);
    }

    /// Ends the call of a request that had all its tries.
    fn end(&mut self, tag: W::Tag, endpoint: &W::Endpoint, request: &ApiRequest, outcome: Result<Response>) {
        if self.over.is_none() {
            self.over = outcome.as_ref().err().filter(|error| ends_all(error)).cloned();
        }
        self.work.done(tag, outcome.and_then(|response| endpoint.parse(&request.path, response)));
    }
}

/// Whether a request that had all its tries failed for a reason that the next one would meet, too.
fn ends_all(error: &Error) -> bool {
    matches!(error.status(), Status::Auth | Status::Cancelled | Status::Connection | Status::Timeout | Status::Tls)
}
