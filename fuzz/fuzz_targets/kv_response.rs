#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| handsfree_secrets_fuzz::kv_response(input));
