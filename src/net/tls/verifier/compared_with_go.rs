//! Compares this verifier case by case with that of Go, which the official client uses: every chain that is accepted here
//! is accepted there. docs/security.md has the table.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use handsfree_secrets_test_support::repository_root;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use serde_json::json;

use super::super::{pem, roots};
use super::*;
use crate::call::Call;
use crate::config::{Named, Roots};

/// A certificate with its key.
struct Made {
    params: CertificateParams,
    key: KeyPair,
    certificate: Certificate,
}

impl Made {
    fn pem(&self) -> String {
        self.certificate.pem()
    }
}

fn made(name: &str, issuer: Option<&Made>, edit: impl FnOnce(&mut CertificateParams)) -> Made {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    edit(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = match issuer {
        None => params.self_signed(&key),
        Some(issuer) => params.signed_by(&key, &Issuer::from_params(&issuer.params, &issuer.key)),
    };
    Made { certificate: certificate.unwrap(), params, key }
}

fn authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
}

fn ca(name: &str, issuer: Option<&Made>, edit: impl FnOnce(&mut CertificateParams)) -> Made {
    made(name, issuer, |params| {
        authority(params);
        edit(params);
    })
}

fn server(params: &mut CertificateParams) {
    params.subject_alt_names = vec![SanType::DnsName("localhost".try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
}

fn leaf(issuer: Option<&Made>, edit: impl FnOnce(&mut CertificateParams)) -> Made {
    made("localhost", issuer, |params| {
        server(params);
        edit(params);
    })
}

fn plain(_: &mut CertificateParams) {}

fn expired(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
}

fn future(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(2090, 1, 1), date_time_ymd(2091, 1, 1));
}

fn length(most: u8) -> impl Fn(&mut CertificateParams) {
    move |params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(most))
}

fn without_cert_sign(params: &mut CertificateParams) {
    params.key_usages = vec![KeyUsagePurpose::CrlSign];
}

fn no_ca(params: &mut CertificateParams) {
    params.is_ca = IsCa::ExplicitNoCa;
}

fn for_clients(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

fn for_anything(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
}

fn demanding(params: &mut CertificateParams) {
    let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4, 5], vec![5, 0]);
    extension.set_criticality(true);
    params.custom_extensions.push(extension);
}

fn named(name: &str) -> impl Fn(&mut CertificateParams) {
    let name = SanType::DnsName(name.try_into().unwrap());
    move |params| params.subject_alt_names = vec![name.clone()]
}

fn constrained(permitted: &str) -> impl Fn(&mut CertificateParams) {
    let permitted = GeneralSubtree::DnsName(permitted.to_owned());
    move |params| {
        let permitted_subtrees = vec![permitted.clone()];
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    }
}

/// One line of the table.
struct Case {
    what: &'static str,
    roots: String,
    sent: String,
    leaf: String,
    host: &'static str,
}

fn case(what: &'static str, roots: &[&Made], sent: &[&Made], leaf: &Made) -> Case {
    let all = |list: &[&Made]| list.iter().map(|made| made.pem()).collect();
    Case { what, roots: all(roots), sent: all(sent), leaf: leaf.pem(), host: "localhost" }
}

fn for_host(host: &'static str, case: Case) -> Case {
    Case { host, ..case }
}

/// A chain of one: what a root with a property of its own signs.
fn under(what: &'static str, edit: impl FnOnce(&mut CertificateParams)) -> Case {
    let root = ca("root", None, edit);
    case(what, &[&root], &[], &leaf(Some(&root), plain))
}

/// What an intermediate with a property of its own signs, under a root without any.
fn through(what: &'static str, edit: impl FnOnce(&mut CertificateParams)) -> Case {
    let root = ca("root", None, plain);
    let middle = ca("middle", Some(&root), edit);
    case(what, &[&root], &[&middle], &leaf(Some(&middle), plain))
}

/// A server's certificate with a property of its own, under a root without any.
fn with(what: &'static str, edit: impl FnOnce(&mut CertificateParams)) -> Case {
    let root = ca("root", None, plain);
    case(what, &[&root], &[], &leaf(Some(&root), edit))
}

/// A certificate that is listed, and shown by the server as its own.
fn itself(what: &'static str, edit: impl FnOnce(&mut CertificateParams)) -> Case {
    let own = leaf(None, edit);
    case(what, &[&own], &[], &own)
}

fn ca_itself(what: &'static str, edit: impl FnOnce(&mut CertificateParams)) -> Case {
    itself(what, |params| {
        authority(params);
        edit(params);
    })
}

fn roots_and_paths() -> Vec<Case> {
    let root = ca("root", None, plain);
    let short = ca("root", None, length(0));
    let one = ca("root", None, length(1));
    let below = |root: &Made| ca("middle", Some(root), plain);
    let (under_short, under_one, under_root) = (below(&short), below(&one), below(&root));
    let second = ca("second", Some(&under_one), plain);
    let middle_short = ca("middle", Some(&root), length(0));
    let under_middle_short = ca("second", Some(&middle_short), plain);
    let old = ca("root", None, expired);
    let renewed = {
        let mut params = old.params.clone();
        params.not_after = date_time_ymd(2090, 1, 1);
        let certificate = params.self_signed(&old.key).unwrap();
        Made { params, key: KeyPair::generate().unwrap(), certificate }
    };
    let signed_by_leaf = leaf(Some(&root), no_ca);
    vec![
        case("root, server", &[&root], &[], &leaf(Some(&root), plain)),
        case("root, intermediate, server", &[&root], &[&under_root], &leaf(Some(&under_root), plain)),
        case("the intermediate is not sent", &[&root], &[], &leaf(Some(&under_root), plain)),
        case("the intermediate is listed, its root is not", &[&under_root], &[], &leaf(Some(&under_root), plain)),
        case("another root of the same name", &[&ca("root", None, plain)], &[], &leaf(Some(&root), plain)),
        under("root expired", expired),
        under("root not valid yet", future),
        case("root expired, and renewed beside it", &[&old, &renewed], &[], &leaf(Some(&old), plain)),
        under("root without a key usage", |params| params.key_usages.clear()),
        under("root without keyCertSign", without_cert_sign),
        under("root for client authentication alone", for_clients),
        under("root for any usage", for_anything),
        under("root with an unknown critical extension", demanding),
        under("root that may name localhost", constrained("localhost")),
        under("root that may name others alone", constrained("example.com")),
        case("root of path length 0, server", &[&short], &[], &leaf(Some(&short), plain)),
        case("root of path length 0, intermediate", &[&short], &[&under_short], &leaf(Some(&under_short), plain)),
        case("root of path length 1, intermediate", &[&one], &[&under_one], &leaf(Some(&under_one), plain)),
        case("root of path length 1, two intermediates", &[&one], &[&under_one, &second], &leaf(Some(&second), plain)),
        case(
            "intermediate of path length 0, another below it",
            &[&root],
            &[&middle_short, &under_middle_short],
            &leaf(Some(&under_middle_short), plain),
        ),
        under("listed certificate with CA:FALSE signs a server's", no_ca),
        under("listed certificate without basic constraints signs a server's", |params| params.is_ca = IsCa::NoCa),
        case("server's certificate signs another's", &[&root], &[&signed_by_leaf], &leaf(Some(&signed_by_leaf), plain)),
        through("intermediate expired", expired),
        through("intermediate without keyCertSign", without_cert_sign),
        through("intermediate for client authentication alone", for_clients),
        through("intermediate that may name others alone", constrained("example.com")),
    ]
}

fn servers() -> Vec<Case> {
    let root = ca("root", None, plain);
    let listed = leaf(Some(&root), plain);
    let ca_server = leaf(Some(&root), authority);
    let address = |params: &mut CertificateParams| {
        params.subject_alt_names = vec![SanType::IpAddress("127.0.0.1".parse().unwrap())];
    };
    vec![
        with("server's certificate expired", expired),
        with("server's certificate not valid yet", future),
        with("server's certificate for client authentication", for_clients),
        with("server's certificate without extended key usage", |params| params.extended_key_usages.clear()),
        with("server's certificate for any usage", for_anything),
        with("server's certificate with an unknown critical extension", demanding),
        with("server's certificate for another name", named("vault.example")),
        with("server's certificate with a common name alone", |params| params.subject_alt_names.clear()),
        for_host("a.example.com", with("wildcard for one label", named("*.example.com"))),
        for_host("a.b.example.com", with("wildcard for two labels", named("*.example.com"))),
        for_host("127.0.0.1", with("an address as address", address)),
        for_host("127.0.0.1", with("an address as name", named("127.0.0.1"))),
        case("server's certificate that is a CA's, signed by a root", &[&root], &[], &ca_server),
        itself("listed itself, CA:FALSE", no_ca),
        case("listed itself, its CA is not", &[&listed], &[], &listed),
        ca_itself("listed itself, a CA's", plain),
        ca_itself("listed itself, a CA's, expired", expired),
        ca_itself("listed itself, a CA's, for client authentication", for_clients),
        ca_itself("listed itself, a CA's, for another name", named("vault.example")),
        ca_itself("listed itself, a CA's, with an unknown critical extension", demanding),
    ]
}

/// What rcgen does not make.
fn of_openssl() -> Vec<Case> {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        let output = command.args(arguments.split_whitespace()).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    };
    fs::write(folder.path().join("san"), "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n").unwrap();
    fs::write(folder.path().join("ca"), "basicConstraints=critical,CA:TRUE\n").unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let issued = |what: &'static str, key: &str, root: &str, signed: &str| {
        openssl(&format!("req -newkey {key} -noenc -keyout root.key -out root.csr -subj /CN=root"));
        openssl(&format!("x509 -req -in root.csr -signkey root.key -days 30 -out root.pem {root}"));
        openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout leaf.key -out leaf.csr -subj /CN=localhost",
        );
        openssl(&format!(
            "x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 -out leaf.pem {signed}"
        ));
        Case { what, roots: read("root.pem"), sent: String::new(), leaf: read("leaf.pem"), host: "localhost" }
    };
    vec![
        issued("RSA of 2048 bits", "rsa:2048", "-extfile ca", "-extfile san"),
        issued("RSA of 1024 bits signs", "rsa:1024", "-extfile ca", "-extfile san"),
        issued("signed with SHA-1", "rsa:2048", "-extfile ca", "-extfile san -sha1"),
        issued("root of X.509 version 1", "rsa:2048", "", "-extfile san"),
        issued("server's certificate of X.509 version 1", "rsa:2048", "-extfile ca", ""),
    ]
}

fn ours(case: &Case) -> Result<(), Refusal> {
    let deadline = Call::default().start(Duration::from_secs(60));
    let text = Named { value: case.roots.clone(), variable: "VAULT_CACERT_BYTES" };
    let store = roots::Store::new(Roots::Pem(text));
    let trusted = store.read(roots::Reading { deadline: &deadline, again: false }).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier { provider, trusted: Some(Arc::new(trusted)), sessions: Arc::default() };
    let sent = if case.sent.is_empty() { Vec::new() } else { pem::certificates(case.sent.as_bytes(), "sent").unwrap() };
    let leaf = pem::certificates(case.leaf.as_bytes(), "leaf").unwrap().remove(0);
    let name = ServerName::try_from(case.host).unwrap();
    match verifier.verify_server_cert(&leaf, &sent, &name, &[], UnixTime::now()) {
        Ok(_) => Ok(()),
        Err(TlsError::InvalidCertificate(cause)) => Err(Refusal::from_tls(&cause)),
        Err(other) => panic!("{other}"),
    }
}

/// Go's results, in the order of the cases.
fn gos(cases: &[Case]) -> Vec<String> {
    let list: Vec<_> = cases
        .iter()
        .map(|case| json!({"roots": case.roots, "intermediates": case.sent, "leaf": case.leaf, "host": case.host}))
        .collect();
    let mut command = Command::new("go");
    command.args(["run", "main.go"]).current_dir(repository_root().join("tests/go_verifier"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(json!(list).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// `HANDSFREE_WRITE_TABLE=1` writes it anew.
#[test]
fn every_chain_that_is_accepted_here_is_accepted_by_go_and_the_table_is_current() {
    let cases: Vec<Case> = [roots_and_paths(), servers(), of_openssl()].into_iter().flatten().collect();
    let by_go = gos(&cases);
    assert_eq!(by_go.len(), cases.len());
    assert!(cases.len() >= 25);
    let mut table = String::from("| case | here | Go |\n|---|---|---|\n");
    for (case, go) in cases.iter().zip(&by_go) {
        let here = ours(case);
        assert!(here.is_err() || go == "ok", "{}: taken here, and Go says {go}", case.what);
        let told = match &here {
            Ok(()) => "taken".to_owned(),
            Err(refusal) => {
                let told = refusal.told("X");
                told.trim_start_matches("certificate of X ").split(';').next().unwrap().to_owned()
            }
        };
        let go = if go == "ok" { "taken" } else { "refused" };
        writeln!(table, "| {} | {told} | {go} |", case.what).unwrap();
    }
    let path = repository_root().join("docs/security.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("<!-- table -->\n").unwrap();
    let (written, after) = rest.split_once("<!-- end -->\n").unwrap();
    if std::env::var_os("HANDSFREE_WRITE_TABLE").is_some() {
        fs::write(Path::new(&path), format!("{before}<!-- table -->\n{table}<!-- end -->\n{after}")).unwrap();
    } else {
        assert_eq!(written, table, "docs/security.md has another table");
    }
}
