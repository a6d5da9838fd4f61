//! Sequences of calls of the C interface with every kind of legal pointer: NULL anywhere, strings that are not UTF-8
//! and end at the last byte of their block, empty buffers, and objects whose parents have been freed.

use std::ffi::{CString, c_char};
use std::ptr::{null, null_mut};

use handsfree_secrets::ffi::*;

/// The bytes that determine the calls.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// A string from the script in a block of exactly its size, or NULL.
    fn text(&mut self) -> Option<CString> {
        let length = match self.byte()? {
            0xFF => return None,
            length => usize::from(length % 48).min(self.0.len()),
        };
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        let end = text.iter().position(|&byte| byte == 0).unwrap_or(length);
        CString::new(text.get(..end).unwrap_or_default()).ok()
    }
}

fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(null(), |text| text.as_ptr())
}

/// The objects of one script.
struct World {
    options: *mut hf_options,
    manager: *mut hf_manager,
    call: *mut hf_call,
    metadata: *mut hf_metadata,
    fields: *mut hf_fields,
    list: *mut hf_string_list,
    error: *mut hf_error,
    text: *mut c_char,
}

impl World {
    fn new() -> World {
        let mut world = World {
            options: hf_options_new_isolated(),
            manager: null_mut(),
            call: hf_call_new(),
            metadata: hf_metadata_new(),
            fields: hf_fields_new(),
            list: null_mut(),
            error: null_mut(),
            text: null_mut(),
        };
        world.open();
        world
    }

    /// Frees the results of an earlier call.
    fn clear_results(&mut self) {
        // SAFETY: each is NULL or was returned by the last call, and is freed once.
        unsafe {
            hf_error_free(self.error);
            hf_free_string(self.text);
            hf_string_list_free(self.list);
        }
        (self.error, self.text, self.list) = (null_mut(), null_mut(), null_mut());
    }

    fn open(&mut self) {
        // SAFETY: the old manager is NULL or valid; the pointers are those of live objects.
        unsafe {
            hf_manager_free(self.manager);
            let status = hf_manager_open(self.options, null(), &mut self.manager, null_mut());
            assert_eq!(status == HF_OK, !self.manager.is_null());
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.clear_results();
        // SAFETY: each is NULL or valid, and is freed once.
        unsafe {
            hf_manager_free(self.manager);
            hf_options_free(self.options);
            hf_call_free(self.call);
            hf_metadata_free(self.metadata);
            hf_fields_free(self.fields);
        }
    }
}

/// Whether an option neither causes connections nor writes to standard error.
fn is_harmless(name: &Option<CString>) -> bool {
    let name = name.as_ref().map(|name| name.to_string_lossy().to_ascii_uppercase()).unwrap_or_default();
    !name.contains("TYPE") && !name.contains("LOG_LEVEL")
}

/// Checks that no input causes a crash or HF_ERR_INTERNAL, and that there is an error exactly if a call failed.
pub fn c_calls(input: &[u8]) {
    let mut script = Script(input);
    let mut world = World::new();
    while let Some(action) = script.byte() {
        world.clear_results();
        let with_objects = action & 0x80 == 0;
        let (one, other) = (script.text(), script.text());
        let status = step(&mut world, action & 0x1F, with_objects, &one, &other);
        assert_ne!(status, HF_ERR_INTERNAL);
        assert_eq!(status < 0, !world.error.is_null());
        check_results(&world, status);
    }
}

fn step(
    world: &mut World,
    action: u8,
    with_objects: bool,
    one: &Option<CString>,
    other: &Option<CString>,
) -> hf_status {
    let some = |pointer| if with_objects { pointer } else { null_mut() };
    let (manager, call) = (some(world.manager), if with_objects { world.call } else { null_mut() });
    let metadata = if with_objects { world.metadata } else { null_mut() };
    let fields = if with_objects { world.fields } else { null_mut() };
    let (one, other_text) = (pointer(one), pointer(other));
    let error = &mut world.error;
    // SAFETY: every pointer is NULL, or that of an object or string that lives until the call returns.
    unsafe {
        match action {
            0 => hf_store_secret(manager, one, other_text, metadata, call, &mut world.text, error),
            1 => hf_store_secret(manager, one, other_text, null(), null(), null_mut(), error),
            2 => hf_get_secret(manager, one, call, &mut world.text, error),
            3 => hf_get_secret(manager, one, null(), null_mut(), error),
            4 => get_into(manager, one, other, error),
            5 => hf_update_secret(manager, one, other_text, metadata, call, error),
            6 => hf_delete_secret(manager, one, call, error),
            7 => hf_list_secrets(manager, one, call, &mut world.list, error),
            8 => hf_canonical_reference(manager, one, &mut world.text, error),
            9 => hf_metadata_set(metadata, one, other_text, error),
            10 if is_harmless_pointer(one) => {
                let options = if with_objects { world.options } else { null_mut() };
                hf_options_set(options, one, other_text, error)
            }
            11 => hf_call_set_timeout_ms(call, other.as_ref().map_or(-1, |text| text.as_bytes().len() as i64), error),
            12 => {
                hf_call_cancel(call);
                hf_call_free(world.call);
                world.call = hf_call_new();
                HF_OK
            }
            13 => {
                world.open();
                HF_OK
            }
            14 => {
                hf_manager_free(hf_manager_ref(manager));
                hf_manager_type(manager);
                hf_status_name(i32::from(with_objects));
                HF_OK
            }
            15 => {
                hf_metadata_free(world.metadata);
                world.metadata = hf_metadata_new();
                HF_OK
            }
            16 => hf_fields_set(fields, one, other_text, error),
            17 => hf_fields_set_json(fields, one, other_text, error),
            18 => hf_fields_set_object(fields, one, error),
            19 => hf_fields_set_bytes(
                fields,
                one,
                other_text.cast(),
                other.as_ref().map_or(0, |text| text.as_bytes().len()),
                error,
            ),
            20 => hf_fields_remove(fields, one, error),
            21 => {
                hf_fields_free(world.fields);
                world.fields = hf_fields_new();
                HF_OK
            }
            22 => hf_store_document(manager, one, fields, metadata, call, &mut world.text, null_mut(), error),
            23 => hf_update_document(manager, one, fields, metadata, call, null_mut(), error),
            24 => document(manager, one, other_text, call, error),
            25 => {
                let name = hf_metadata_key(metadata, hf_metadata_len(metadata) / 2);
                assert_eq!(hf_metadata_get(metadata, name).is_null(), name.is_null());
                hf_call_free(hf_call_copy(call));
                HF_OK
            }
            _ => many(manager, &[one, other_text, null()], action, call, error),
        }
    }
}

/// Reads a document with all of its readers.
///
/// # Safety
/// Each pointer is NULL, or what its type says.
unsafe fn document(
    manager: *const hf_manager,
    reference: *const c_char,
    name: *const c_char,
    call: *const hf_call,
    error: &mut *mut hf_error,
) -> hf_status {
    let (mut document, mut bytes) = (null_mut(), null_mut());
    // SAFETY: the caller's promise; the document is NULL or valid.
    unsafe {
        let status = hf_get_document(manager, reference, call, &mut document, error);
        assert_eq!(status == HF_OK, !document.is_null());
        let mut length = usize::MAX;
        for name in [name, hf_document_name(document, 0)] {
            let text = hf_document_text(document, name, &mut length);
            assert!(length == 0 || !text.is_null());
            let json = hf_document_json(document, name, null_mut());
            assert_eq!(hf_document_kind(document, name) == 0, json.is_null() || name.is_null());
            if hf_document_bytes(document, name, &mut bytes, null_mut()) == HF_OK {
                hf_bytes_free(bytes);
            }
        }
        hf_document_metadata(document);
        hf_document_free(document);
        status
    }
}

/// Several secrets in one call, one of which is NULL; or a count without an array.
///
/// # Safety
/// Each pointer is NULL, or what its type says.
unsafe fn many(
    manager: *const hf_manager,
    texts: &[*const c_char],
    action: u8,
    call: *const hf_call,
    error: &mut *mut hf_error,
) -> hf_status {
    let (array, mut results) = (if action & 4 == 0 { texts.as_ptr() } else { null() }, null_mut());
    let count = texts.len() * usize::from(action & 2 == 0);
    // SAFETY: the array has the given number of entries, or is NULL; the rest is guaranteed by the caller.
    unsafe {
        let status = match action & 1 {
            0 => hf_get_secrets(manager, array, count, call, &mut results, error),
            _ => hf_store_secrets(manager, array, array, count, call, &mut results, error),
        };
        assert_eq!(status == HF_OK, !results.is_null());
        for index in 0..=hf_results_len(results) {
            let (one, text) = (hf_results_status(results, index), hf_results_text(results, index));
            assert_ne!(one, HF_ERR_INTERNAL);
            assert_eq!(one < 0, !hf_results_error(results, index).is_null() || index == hf_results_len(results));
            assert!(text.is_null() || (one == HF_OK && std::ffi::CStr::from_ptr(text).to_str().is_ok()));
        }
        hf_results_free(results);
        status
    }
}

/// # Safety
/// `name` is NULL or a NUL-terminated string.
unsafe fn is_harmless_pointer(name: *const c_char) -> bool {
    // SAFETY: guaranteed by the caller.
    name.is_null() || is_harmless(&Some(unsafe { std::ffi::CStr::from_ptr(name) }.to_owned()))
}

/// Gets into a block of exactly the given capacity.
///
/// # Safety
/// Each pointer is NULL, or what its type says.
unsafe fn get_into(
    manager: *const hf_manager,
    reference: *const c_char,
    room: &Option<CString>,
    error: &mut *mut hf_error,
) -> hf_status {
    let mut buffer = vec![0x55_u8; room.as_ref().map_or(0, |text| text.as_bytes().len())];
    let mut length = usize::MAX;
    let start = if room.is_none() { null_mut() } else { buffer.as_mut_ptr().cast() };
    // SAFETY: the buffer has the given capacity; the rest is guaranteed by the caller.
    let status = unsafe { hf_get_secret_into(manager, reference, null(), start, buffer.len(), &mut length, error) };
    if status == HF_OK {
        assert_eq!(buffer.get(length), Some(&0));
    } else {
        assert_eq!(length, 0);
        assert!(buffer.first().is_none_or(|&first| first == 0) || start.is_null());
    }
    status
}

/// Checks that results can be read to their end, and exist only on success.
fn check_results(world: &World, status: hf_status) {
    assert!(status == HF_OK || (world.text.is_null() && world.list.is_null()));
    // SAFETY: each is NULL or what the library gave last.
    unsafe {
        if !world.text.is_null() {
            assert!(std::ffi::CStr::from_ptr(world.text).to_str().is_ok());
        }
        for index in 0..=hf_string_list_len(world.list) {
            let entry = hf_string_list_get(world.list, index);
            assert_eq!(entry.is_null(), index == hf_string_list_len(world.list));
        }
        if status < 0 {
            assert_eq!(hf_error_status(world.error), status);
            assert!(!hf_error_message(world.error).is_null());
        }
    }
}
