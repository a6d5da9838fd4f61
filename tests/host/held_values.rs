//! Programs that hold many values at once.

use handsfree_secrets_test_support::cc;

use crate::programs::{program, succeeds};

#[test]
fn many_held_values_take_little_memory_and_few_mappings_and_are_returned() {
    let mut command = cc::clean_command(&program("held"));
    print!("{}", succeeds(command.env("LD_LIBRARY_PATH", cc::release_folder())));
}
