//! Passes options for the shared library to the linker, and generates the C header.
//!
//! The header is written to `OUT_DIR`, never into the source tree: `include/handsfree_secrets.h` is committed, a test
//! compares the two, and `make header` updates the committed one.

use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "src/status.rs"]
mod status;

use status::Status;

/// The sections of the header in order: the files of `src/ffi` with the C interface.
const SECTIONS: &[&str] = &[
    "version",
    "error",
    "log",
    "options",
    "call",
    "queue",
    "manager",
    "metrics",
    "metadata",
    "list",
    "bytes",
    "secrets",
    "fields",
    "document",
    "batch",
    "versions",
    "version_changes",
    "request",
    "transit",
    "transit_many",
    "envelope",
    "watch",
    "lease",
    "credentials",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for changed in ["build.rs", "cbindgen.toml", "Cargo.toml", "src/ffi", "src/status.rs"] {
        println!("cargo:rerun-if-changed={changed}");
    }
    link_arguments();

    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let header = PathBuf::from(env::var("OUT_DIR")?).join("handsfree_secrets.h");
    fs::write(&header, generate(&root)?)?;
    // Read by the test that compares the two headers.
    println!("cargo:rustc-env=HANDSFREE_SECRETS_GENERATED_HEADER={}", header.display());
    Ok(())
}

/// Sets a versioned soname, so that an incompatible version can be installed beside this one; keeps the library mapped
/// after `dlclose`, because threads that have used it run its thread-local destructors when they end, for which macOS has
/// no option; and makes the jump tables read-only. rustc itself limits the exported symbols to `hf_*`.
fn link_arguments() {
    let arguments: &[&str] = match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux" | "freebsd") => &["-soname,libhandsfree_secrets.so.0", "-z,nodelete", "-z,relro", "-z,now"],
        Ok("macos") => &["-install_name,@rpath/libhandsfree_secrets.0.dylib"],
        _ => &[],
    };
    for argument in arguments {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{argument}");
    }
}

/// Generates the header from `src/ffi/header.h` by filling in the version and the sections.
fn generate(root: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let part = |name: &str| env::var(format!("CARGO_PKG_VERSION_{name}"));
    let (major, minor, patch) = (part("MAJOR")?, part("MINOR")?, part("PATCH")?);
    let number = major.parse::<u32>()? * 1_000_000 + minor.parse::<u32>()? * 1_000 + patch.parse::<u32>()?;
    let sections: Result<Vec<String>, _> = SECTIONS.iter().map(|name| section(root, name)).collect();

    Ok(fs::read_to_string(root.join("src/ffi/header.h"))?
        .replace("@MAJOR@", &major)
        .replace("@MINOR@", &minor)
        .replace("@PATCH@", &patch)
        .replace("@NUMBER@", &number.to_string())
        .replace("@VERSION@", &env::var("CARGO_PKG_VERSION")?)
        .replace("@SECTIONS@", &sections?.concat()))
}

/// One section: the module documentation as its introduction, then the output of cbindgen, with the status macros after
/// `hf_status`. `HF_NOEXCEPT` is moved to the end of its declaration's line, for which cbindgen has no setting.
fn section(root: &Path, name: &str) -> Result<String, Box<dyn std::error::Error>> {
    let source = root.join("src/ffi").join(name).with_extension("rs");
    let mut introduction = format!("/** @defgroup {name} ");
    for (number, line) in module_documentation(&fs::read_to_string(&source)?).iter().enumerate() {
        let text = if number == 0 { line.clone() } else { format!(" * {line}") };
        introduction += text.trim_end();
        introduction.push('\n');
    }

    let config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    let mut bindings = Vec::new();
    cbindgen::Builder::new().with_config(config).with_src(source).generate()?.write(&mut bindings);
    let bindings = String::from_utf8(bindings)?.replace("\nHF_NOEXCEPT", " HF_NOEXCEPT");
    let statuses: String = Status::ALL.iter().map(|status| macro_of(*status)).collect();
    let bindings = bindings.replace(STATUS_TYPE, &format!("{STATUS_TYPE}{statuses}"));
    Ok(format!("{introduction} * @{{\n */\n\n{}\n\n/** @}} */\n\n", bindings.trim()))
}

/// The lines of the `//!` comment. The first one is the title.
fn module_documentation(source: &str) -> Vec<String> {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned()).collect()
}

/// The declaration that the status macros follow.
const STATUS_TYPE: &str = "typedef int32_t hf_status;\n\n";

/// The macro of a status with its comment. Negative numbers are in parentheses, so that they are safe in any
/// expression.
fn macro_of(status: Status) -> String {
    let comment: String = status.meaning().iter().map(|line| format!(" *{line}\n")).collect();
    let number = match status.code() {
        negative @ ..0 => format!("({negative})"),
        number => number.to_string(),
    };
    format!("/**\n{comment} */\n#define {} {number}\n\n", status.name().to_string_lossy())
}
