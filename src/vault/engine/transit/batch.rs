//! Many items at once: split into requests that the server takes, several of which are on their way, each item with its
//! own outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::TransitKey;
use super::endpoint::{Input, check_ciphertext_fits, decoded, made_text};
use super::parameters::{Operation, Parameters};
use super::place::Place;
use super::public_key::PublicKeys;
use super::refusal::{NO_NEW_KEY, of_words, refused};
use crate::error::{Error, Result, Status};
use crate::fields::Fields;
use crate::json::to_body;
use crate::observe::metrics;
use crate::secret::{Bytes, Secret};
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::error_response::ErrorResponse;
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::response::Response;
use crate::vault::api::sanitize::one_line;
use crate::vault::client::Context;
use crate::vault::client::batch::call_each;

/// OpenBao takes 1,000 strings in one body, names of parameters included.
const MAX_STRINGS: usize = 990;

/// The names around the items.
const STRINGS_OF_REQUEST: usize = 3;

/// HashiCorp's default is 1 MiB for a string, OpenBao's 32 MiB for a body. Larger requests would not be faster.
const MAX_BYTES: usize = 700 * 1024;

/// The number of requests on their way at a time.
const CONCURRENCY: usize = 8;

/// One item: what is sent, and its parameters.
struct Item<'a> {
    input: Input<'a>,
    parameters: Parameters<'a>,
    /// The position in the call.
    index: usize,
}

impl Item<'_> {
    fn strings(&self) -> usize {
        2 * (1 + self.parameters.len())
    }

    fn bytes(&self) -> usize {
        self.input.size() + self.parameters.size() + 32
    }
}

/// Items in one request.
struct Chunk<'a> {
    place: &'a Place,
    operation: Operation,
    items: &'a [Item<'a>],
}

/// The outcome of one item: a text, or bytes.
pub enum Outcome {
    /// A ciphertext.
    Text(Secret),
    /// Decrypted data.
    Bytes(Bytes),
}

struct Entry<'a> {
    operation: Operation,
    item: &'a Item<'a>,
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Item { input, parameters, .. } = self.item;
        parameters.write_with(self.operation, (input.name(self.operation), input), serializer)
    }
}

#[derive(Serialize)]
struct Body<'a> {
    batch_input: Vec<Entry<'a>>,
    /// Of [`NO_NEW_KEY`].
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    batch_results: Option<Vec<EntryResult<'a>>>,
}

#[derive(Deserialize)]
struct EntryResult<'a> {
    #[serde(borrow)]
    ciphertext: Option<&'a RawValue>,
    #[serde(borrow)]
    plaintext: Option<&'a RawValue>,
    error: Option<String>,
}

impl Endpoint for Chunk<'_> {
    type Output = Vec<Result<Outcome>>;

    fn request(&self) -> Result<ApiRequest> {
        let entries = self.items.iter().map(|item| Entry { operation: self.operation, item });
        let size = self.items.iter().map(Item::bytes).sum();
        let kind = (self.operation == Operation::Encrypt).then_some(NO_NEW_KEY.1);
        let body = to_body(size, &Body { batch_input: entries.collect(), kind })?;
        if let [_] = self.items {
            check_ciphertext_fits(self.operation, &body)?;
        }
        Ok(ApiRequest::post_repeatable(self.place.path(self.operation.name()), body)
            .counted_as(metrics::Operation::Transit))
    }

    /// A partial failure is 200, 400 or 500, as the server likes: the results tell.
    fn parse(&self, path: &str, response: Response) -> Result<Vec<Result<Outcome>>> {
        let parsed: Option<Answer<'_>> = serde_json::from_slice(&response.body).ok();
        let Some(results) = parsed.and_then(|answer| answer.data?.batch_results) else {
            return Err(match response.status {
                200 => not_as_documented(&response, path, "has no results"),
                _ => refused(ErrorResponse::of(&response), path, self.operation),
            });
        };
        if results.len() != self.items.len() {
            return Err(not_as_documented(&response, path, "has another number of results than items were sent"));
        }
        let shown = shown_errors(&results, &response);
        Ok(results.into_iter().map(|result| self.outcome(result, path, &response, &shown)).collect())
    }
}

impl Chunk<'_> {
    fn outcome(
        &self,
        result: EntryResult<'_>,
        path: &str,
        response: &Response,
        shown: &BTreeMap<String, String>,
    ) -> Result<Outcome> {
        if let Some(error) = result.error.filter(|error| !error.is_empty()) {
            let says = |words: &str| error.contains(words);
            let shown = shown.get(&error).map(String::as_str);
            return Err(of_words(path, self.operation, says, shown, response.status));
        }
        if self.operation == Operation::Decrypt {
            return decoded(result.plaintext, response, path).map(Outcome::Bytes);
        }
        let text = result.ciphertext.and_then(made_text);
        text.map(Outcome::Text).ok_or_else(|| not_as_documented(response, path, "has no ciphertext"))
    }
}

/// What messages show of the different errors of items: nothing unless what must not be shown is known, which it is for
/// error responses.
fn shown_errors(results: &[EntryResult<'_>], response: &Response) -> BTreeMap<String, String> {
    if response.status == 200 {
        return BTreeMap::new();
    }
    let different: BTreeSet<&str> = results.iter().filter_map(|result| result.error.as_deref()).collect();
    let different: Vec<&str> = different.into_iter().collect();
    let shown = response.redacted_each(&different).into_iter().map(|text| one_line(&text));
    different.iter().map(|error| (*error).to_owned()).zip(shown).collect()
}

impl TransitKey {
    /// Encrypts, decrypts or rewraps several items. `item_parameters` has for each item what differs from `parameters`.
    pub fn each(
        &self,
        context: Context<'_>,
        operation: Operation,
        inputs: &[Input<'_>],
        parameters: &Fields,
        item_parameters: &[Option<&Fields>],
    ) -> Result<Vec<Result<Outcome>>> {
        let common = Parameters::check(operation, parameters)?;
        if let Some(facts) = &self.facts {
            facts.check(operation)?;
        }
        let mut outcomes: Vec<Result<Outcome>> = inputs.iter().map(|_| Err(no_outcome())).collect();
        let public_keys = self.public_keys_for(context, operation)?;
        let mut items = Vec::with_capacity(inputs.len());
        for (index, &input) in inputs.iter().enumerate() {
            match self.parameters_of(operation, &common, item_parameters, index) {
                Ok(parameters) => match encrypted_here(public_keys.as_deref(), input, &parameters) {
                    Some(outcome) => put(&mut outcomes, index, outcome),
                    None => items.push(Item { input, parameters, index }),
                },
                Err(error) => put(&mut outcomes, index, Err(error)),
            }
        }
        // A server wants a context in all items of a request or in none.
        let (with_context, without) = items.into_iter().partition(|item| item.parameters.has("context"));
        for group in [with_context, without] {
            self.send_group(context, operation, group, &mut outcomes);
        }
        Ok(outcomes)
    }

    /// The public keys, for an operation on many items that needs no more than these.
    fn public_keys_for(&self, context: Context<'_>, operation: Operation) -> Result<Option<Arc<PublicKeys>>> {
        match operation {
            Operation::Encrypt => self.public_keys(context, None),
            _ => Ok(None),
        }
    }

    fn parameters_of<'a>(
        &self,
        operation: Operation,
        common: &Parameters<'a>,
        item_parameters: &[Option<&'a Fields>],
        index: usize,
    ) -> Result<Parameters<'a>> {
        let parameters = match item_parameters.get(index).copied().flatten() {
            Some(own) => common.with(&Parameters::check_item(operation, own, index)?, own),
            None => common.clone(),
        };
        self.check_context(operation, &parameters)?;
        Ok(parameters)
    }

    /// Sends items that are alike. The server does not rewrap with associated data: such items are decrypted and
    /// encrypted.
    fn send_group(
        &self,
        context: Context<'_>,
        operation: Operation,
        items: Vec<Item<'_>>,
        outcomes: &mut [Result<Outcome>],
    ) {
        if operation != Operation::Rewrap {
            return self.send_items(context, operation, &items, outcomes);
        }
        let (authenticated, plain): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| item.parameters.has("associated_data"));
        self.send_items(context, Operation::Rewrap, &plain, outcomes);
        let ciphertexts: Vec<Item<'_>> = authenticated
            .iter()
            .map(|item| Item { parameters: item.parameters.of(Operation::Decrypt), ..*item })
            .collect();
        self.send_items(context, Operation::Decrypt, &ciphertexts, outcomes);
        let data: Vec<(Bytes, &Item<'_>)> = authenticated
            .iter()
            .filter_map(|item| {
                let place = outcomes.get_mut(item.index)?;
                match std::mem::replace(place, Err(no_outcome())) {
                    Ok(Outcome::Bytes(data)) => Some((data, item)),
                    failed => {
                        *place = failed;
                        None
                    }
                }
            })
            .collect();
        let again: Vec<Item<'_>> = data
            .iter()
            .map(|(data, item)| Item {
                input: Input::Bytes(data.as_slice()),
                parameters: item.parameters.of(Operation::Encrypt),
                index: item.index,
            })
            .collect();
        self.send_items(context, Operation::Encrypt, &again, outcomes);
    }

    fn send_items(
        &self,
        context: Context<'_>,
        operation: Operation,
        items: &[Item<'_>],
        outcomes: &mut [Result<Outcome>],
    ) {
        let ranges = chunks(items);
        let chunk = |range: &Range<usize>| Chunk {
            place: &self.place,
            operation,
            items: items.get(range.clone()).unwrap_or_default(),
        };
        let results = call_each(context, ranges.iter().map(chunk), CONCURRENCY);
        for (range, result) in ranges.iter().zip(results) {
            let sent = items.get(range.clone()).unwrap_or_default();
            match result {
                Ok(results) => sent.iter().zip(results).for_each(|(item, result)| put(outcomes, item.index, result)),
                Err(error) => {
                    let error = if operation == Operation::Encrypt { self.with_unseen_key(error) } else { error };
                    sent.iter().for_each(|item| put(outcomes, item.index, Err(error.clone())));
                }
            }
        }
    }
}

/// The outcome of an item that is encrypted without a request.
fn encrypted_here(
    public_keys: Option<&PublicKeys>,
    input: Input<'_>,
    parameters: &Parameters<'_>,
) -> Option<Result<Outcome>> {
    match input {
        Input::Bytes(data) => Some(public_keys?.encrypt(data, parameters)?.map(Outcome::Text)),
        Input::Text(_) => None,
    }
}

/// The ranges of items that go into one request each.
fn chunks(items: &[Item<'_>]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut strings, mut bytes) = (0, STRINGS_OF_REQUEST, 0);
    for (index, item) in items.iter().enumerate() {
        let is_full = strings + item.strings() > MAX_STRINGS || bytes + item.bytes() > MAX_BYTES;
        if is_full && index > start {
            ranges.push(start..index);
            (start, strings, bytes) = (index, STRINGS_OF_REQUEST, 0);
        }
        strings += item.strings();
        bytes += item.bytes();
    }
    if start < items.len() {
        ranges.push(start..items.len());
    }
    ranges
}

fn put(outcomes: &mut [Result<Outcome>], index: usize, outcome: Result<Outcome>) {
    if let Some(place) = outcomes.get_mut(index) {
        *place = outcome;
    }
}

#[cold]
fn no_outcome() -> Error {
    Error::new(Status::Internal, "an item without an outcome")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items<'a>(inputs: &[Input<'a>], fields: &'a Fields) -> Vec<Item<'a>> {
        let parameters = Parameters::check(Operation::Encrypt, fields).unwrap();
        let item = |(index, &input)| Item { input, parameters: parameters.clone(), index };
        inputs.iter().enumerate().map(item).collect()
    }

    #[test]
    fn ten_thousand_items_go_in_few_requests() {
        let data = [0; 20];
        let inputs = vec![Input::Bytes(&data); 10_000];
        let none = Fields::default();
        let mut context = Fields::default();
        context.set_bytes("context".into(), b"c").unwrap();
        for (fields, most) in [(&none, 21), (&context, 41)] {
            let items = items(&inputs, fields);
            let ranges = chunks(&items);
            assert!(ranges.len() <= most, "{}", ranges.len());
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert_eq!((ranges[0].start, ranges.last().unwrap().end), (0, 10_000));
            for range in ranges {
                let strings: usize = items[range].iter().map(Item::strings).sum();
                assert!(strings < MAX_STRINGS);
            }
        }
    }

    #[test]
    fn large_items_go_alone() {
        let (large, small) = (vec![0; MAX_BYTES], [0; 10]);
        let none = Fields::default();
        let inputs = [Input::Bytes(&small), Input::Bytes(&large), Input::Bytes(&small), Input::Bytes(&small)];
        assert_eq!(chunks(&items(&inputs, &none)), [0..1, 1..2, 2..4]);
        assert_eq!(chunks(&[]), Vec::<Range<usize>>::new());
    }
}
