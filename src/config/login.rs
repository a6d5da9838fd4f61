//! Chooses the login method from the settings, and checks that its settings are complete.

use super::layers::{Layers, Setting};
use super::settings::{Auth, Named, SecretId, Source};
use super::values;
use crate::error::{Error, Result};

/// Where Kubernetes mounts the token of a pod's service account.
const POD_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The wording of the Python manager.
const NO_CREDENTIALS: &str = "Either VAULT_TOKEN or both VAULT_ROLE_ID and VAULT_SECRET_ID must be set";

/// The login that `VAULT_AUTH_METHOD` names, else the first whose settings are present, starting with a token.
pub(super) fn auth(layers: &Layers<'_>, warnings: &mut Vec<String>) -> Result<Auth> {
    warn_about_unused_files(layers, warnings)?;
    let Some(method) = layers.find("VAULT_AUTH_METHOD")? else { return method_of_settings(layers, warnings) };
    match method.text().to_ascii_lowercase().as_str() {
        "token" => {
            let token = token(layers)?.ok_or_else(|| missing("token", "VAULT_TOKEN or VAULT_TOKEN_FILE"))?;
            Ok(Auth::Token(token))
        }
        "approle" => {
            let role_id = role_id(layers)?.ok_or_else(|| missing("approle", "VAULT_ROLE_ID or VAULT_ROLE_ID_FILE"))?;
            app_role(layers, role_id, secret_id(layers)?.unwrap_or(SecretId::None))
        }
        "userpass" => user_pass(layers),
        "cert" => cert(layers),
        "jwt" => jwt(layers),
        "kubernetes" => kubernetes(layers),
        _ => Err(method.error("is not a login method; write token, approle, userpass, cert, jwt or kubernetes")),
    }
}

fn method_of_settings(layers: &Layers<'_>, warnings: &mut Vec<String>) -> Result<Auth> {
    let role_id = role_id(layers)?;
    if let Some(token) = token(layers)? {
        if role_id.is_some() {
            let name = token.variable;
            warnings.push(format!("{name} and VAULT_ROLE_ID are both set; the token is used, unset one of them"));
        }
        return Ok(Auth::Token(token));
    }
    match (role_id, secret_id(layers)?) {
        (Some(role_id), Some(secret_id)) => return app_role(layers, role_id, secret_id),
        (Some(_), None) => {
            let message = format!(
                "{NO_CREDENTIALS}; VAULT_SECRET_ID is missing (for a role without one set VAULT_AUTH_METHOD to approle)"
            );
            return Err(Error::config(message));
        }
        (None, Some(_)) => return Err(Error::config(format!("{NO_CREDENTIALS}; VAULT_ROLE_ID is missing"))),
        (None, None) => {}
    }
    if layers.find("VAULT_USERNAME")?.is_some() {
        return user_pass(layers);
    }
    if layers.source("VAULT_JWT", "VAULT_JWT_FILE")?.is_some() {
        return jwt(layers);
    }
    if layers.find("VAULT_AGENT_ADDR")?.is_some() {
        return Ok(Auth::Agent);
    }
    Err(Error::config(format!("{NO_CREDENTIALS}; or name another login with VAULT_AUTH_METHOD")))
}

fn missing(method: &str, names: &str) -> Error {
    Error::config(format!("VAULT_AUTH_METHOD is {method}, which needs {names}; set it"))
}

/// Warns about credentials that are set both as text and as a file.
fn warn_about_unused_files(layers: &Layers<'_>, warnings: &mut Vec<String>) -> Result<()> {
    const DOUBLES: [(&str, &str); 6] = [
        ("VAULT_TOKEN", "VAULT_TOKEN_FILE"),
        ("VAULT_ROLE_ID", "VAULT_ROLE_ID_FILE"),
        ("VAULT_SECRET_ID", "VAULT_SECRET_ID_FILE"),
        ("VAULT_SECRET_ID", "VAULT_SECRET_ID_WRAPPED"),
        ("VAULT_PASSWORD", "VAULT_PASSWORD_FILE"),
        ("VAULT_JWT", "VAULT_JWT_FILE"),
    ];
    for (stronger, weaker) in DOUBLES {
        if let (Some(Setting { name: stronger, .. }), Some(Setting { name: weaker, .. })) =
            (layers.find(stronger)?, layers.find(weaker)?)
        {
            warnings.push(format!("{stronger} and {weaker} are both set; {stronger} is used, unset one of them"));
        }
    }
    Ok(())
}

fn token(layers: &Layers<'_>) -> Result<Option<Named<Source>>> {
    if let Some(setting) = layers.find("VAULT_TOKEN")? {
        let variable = setting.name;
        return Ok(Some(Named { value: Source::Text(values::token(setting)?), variable }));
    }
    let file = layers.path("VAULT_TOKEN_FILE")?;
    Ok(file.map(|Named { value, variable }| Named { value: Source::File(value), variable }))
}

fn role_id(layers: &Layers<'_>) -> Result<Option<Source>> {
    layers.source("VAULT_ROLE_ID", "VAULT_ROLE_ID_FILE")
}

fn secret_id(layers: &Layers<'_>) -> Result<Option<SecretId>> {
    if let Some(source) = layers.source("VAULT_SECRET_ID", "VAULT_SECRET_ID_FILE")? {
        return Ok(Some(SecretId::Plain(source)));
    }
    let Some(setting) = layers.find("VAULT_SECRET_ID_WRAPPED")? else { return Ok(None) };
    Ok(Some(SecretId::Wrapped(Source::Text(values::token(setting)?))))
}

fn app_role(layers: &Layers<'_>, role_id: Source, secret_id: SecretId) -> Result<Auth> {
    let mount = match layers.find("VAULT_APPROLE_MOUNT")? {
        Some(setting) => values::mount(&setting)?,
        None => mount(layers, "approle")?,
    };
    Ok(Auth::AppRole { mount, role_id, secret_id })
}

fn user_pass(layers: &Layers<'_>) -> Result<Auth> {
    let username = layers.find("VAULT_USERNAME")?.ok_or_else(|| missing("userpass", "VAULT_USERNAME"))?;
    let password = layers
        .source("VAULT_PASSWORD", "VAULT_PASSWORD_FILE")?
        .ok_or_else(|| missing("userpass", "VAULT_PASSWORD or VAULT_PASSWORD_FILE"))?;
    Ok(Auth::UserPass { mount: mount(layers, "userpass")?, username: user_name(&username)?, password })
}

/// The user name, which becomes one segment of a path.
fn user_name(setting: &Setting) -> Result<String> {
    if setting.text().contains('/') {
        return Err(setting.error("holds a '/', which no user's name can"));
    }
    values::server_path(setting)
}

fn cert(layers: &Layers<'_>) -> Result<Auth> {
    let Some(Named { value, .. }) = layers.path("VAULT_CLIENT_CERT")? else {
        return Err(missing("cert", "VAULT_CLIENT_CERT and VAULT_CLIENT_KEY"));
    };
    let role = layers.find("VAULT_ROLE")?.map(|setting| setting.text().to_owned());
    Ok(Auth::Cert { mount: mount(layers, "cert")?, role, certificate: Source::File(value) })
}

fn jwt(layers: &Layers<'_>) -> Result<Auth> {
    let jwt =
        layers.source("VAULT_JWT", "VAULT_JWT_FILE")?.ok_or_else(|| missing("jwt", "VAULT_JWT or VAULT_JWT_FILE"))?;
    let role = layers.find("VAULT_ROLE")?.map(|setting| setting.text().to_owned()).unwrap_or_default();
    Ok(Auth::Jwt { method: "jwt", mount: mount(layers, "jwt")?, role, jwt })
}

fn kubernetes(layers: &Layers<'_>) -> Result<Auth> {
    let role = layers.find("VAULT_ROLE")?.ok_or_else(|| missing("kubernetes", "VAULT_ROLE"))?;
    let jwt = layers.source("VAULT_JWT", "VAULT_JWT_FILE")?.unwrap_or_else(|| Source::File(POD_TOKEN.into()));
    Ok(Auth::Jwt { method: "kubernetes", mount: mount(layers, "kubernetes")?, role: role.text().to_owned(), jwt })
}

fn mount(layers: &Layers<'_>, default: &str) -> Result<String> {
    match layers.find("VAULT_AUTH_MOUNT")? {
        Some(setting) => values::mount(&setting),
        None => Ok(default.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::super::Options;
    use super::super::environment::FixedEnvironment;
    use super::*;
    use crate::error::Status;

    fn with_warnings(variables: &[(&str, &str)]) -> Result<(Auth, Vec<String>)> {
        let (options, environment) = (Options::new(), FixedEnvironment::new(variables));
        let mut warnings = Vec::new();
        let auth = auth(&Layers { options: &options, environment: &environment }, &mut warnings)?;
        Ok((auth, warnings))
    }

    fn of(variables: &[(&str, &str)]) -> Auth {
        with_warnings(variables).unwrap().0
    }

    fn refused(variables: &[(&str, &str)]) -> String {
        let error = with_warnings(variables).map(|(auth, _)| auth).unwrap_err();
        assert_eq!(error.status(), Status::Config, "{variables:?}");
        error.message().to_owned()
    }

    fn show(source: &Source) -> String {
        match source {
            Source::Text(text) => text.expose_secret().to_owned(),
            Source::File(path) => format!("file {}", path.display()),
        }
    }

    #[test]
    fn a_token_is_taken_from_its_text_or_its_file() {
        assert!(matches!(of(&[("VAULT_TOKEN", "t")]), Auth::Token(source) if show(&source.value) == "t"));
        assert!(matches!(of(&[("VAULT_TOKEN_FILE", "/t")]), Auth::Token(source) if show(&source.value) == "file /t"));
        assert!(
            matches!(of(&[("BAO_TOKEN", "b"), ("VAULT_TOKEN", "t")]), Auth::Token(source) if show(&source.value) == "b")
        );
    }

    #[test]
    fn missing_credentials_have_the_message_of_the_python_manager() {
        let words = "Either VAULT_TOKEN or both VAULT_ROLE_ID and VAULT_SECRET_ID must be set";
        for variables in [&[][..], &[("VAULT_ROLE_ID", "r")], &[("VAULT_SECRET_ID", "s")], &[("VAULT_TOKEN", "")]] {
            assert!(refused(variables).starts_with(words), "{variables:?}");
        }
    }

    #[test]
    fn an_agent_needs_no_credentials_but_uses_those_that_are_set() {
        let agent = ("VAULT_AGENT_ADDR", "http://127.0.0.1:8100");
        assert!(matches!(of(&[agent]), Auth::Agent));
        assert!(matches!(of(&[agent, ("VAULT_TOKEN", "t")]), Auth::Token(_)));
        assert!(refused(&[agent, ("VAULT_ROLE_ID", "r")]).contains("VAULT_SECRET_ID is missing"));
    }

    #[test]
    fn a_token_takes_precedence_over_approle_with_a_warning() {
        let (auth, warnings) =
            with_warnings(&[("VAULT_TOKEN", "t"), ("VAULT_ROLE_ID", "r"), ("VAULT_SECRET_ID", "s")]).unwrap();
        assert!(matches!(auth, Auth::Token(_)));
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].starts_with("VAULT_TOKEN and VAULT_ROLE_ID are both set"), "{warnings:?}");
    }

    #[test]
    fn approle_takes_texts_files_and_a_wrapped_secret_id() {
        let Auth::AppRole { mount, role_id, secret_id: SecretId::Plain(secret_id) } =
            of(&[("VAULT_ROLE_ID", "r"), ("VAULT_SECRET_ID_FILE", "/s"), ("VAULT_APPROLE_MOUNT", "/apps/")])
        else {
            panic!("no AppRole");
        };
        assert_eq!((mount.as_str(), show(&role_id), show(&secret_id)), ("apps", "r".to_owned(), "file /s".to_owned()));
        let Auth::AppRole { mount, secret_id: SecretId::Wrapped(wrapped), .. } =
            of(&[("VAULT_ROLE_ID_FILE", "/r"), ("VAULT_SECRET_ID_WRAPPED", "w"), ("VAULT_AUTH_MOUNT", "roles")])
        else {
            panic!("no AppRole");
        };
        assert_eq!((mount.as_str(), show(&wrapped)), ("roles", "w".to_owned()));
    }

    #[test]
    fn approle_without_a_secret_id_requires_the_auth_method() {
        let auth = of(&[("VAULT_AUTH_METHOD", "AppRole"), ("VAULT_ROLE_ID", "r")]);
        assert!(matches!(auth, Auth::AppRole { secret_id: SecretId::None, .. }));
        assert!(refused(&[("VAULT_ROLE_ID", "r")]).contains("VAULT_AUTH_METHOD"));
    }

    #[test]
    fn the_auth_method_takes_precedence_over_credentials() {
        let variables = [("VAULT_AUTH_METHOD", "approle"), ("VAULT_TOKEN", "t"), ("VAULT_ROLE_ID", "r")];
        assert!(matches!(of(&variables), Auth::AppRole { .. }));
    }

    #[test]
    fn userpass_needs_a_name_and_a_password() {
        let auth = of(&[("VAULT_USERNAME", "ann"), ("VAULT_PASSWORD", "p")]);
        assert!(matches!(auth, Auth::UserPass { mount, username, .. } if mount == "userpass" && username == "ann"));
        assert!(refused(&[("VAULT_USERNAME", "ann")]).contains("VAULT_PASSWORD"));
        assert!(refused(&[("VAULT_AUTH_METHOD", "userpass"), ("VAULT_PASSWORD", "p")]).contains("VAULT_USERNAME"));
        assert!(refused(&[("VAULT_USERNAME", "a/b"), ("VAULT_PASSWORD", "p")]).starts_with("VAULT_USERNAME"));
        assert!(refused(&[("VAULT_USERNAME", ".."), ("VAULT_PASSWORD", "p")]).starts_with("VAULT_USERNAME"));
    }

    #[test]
    fn cert_needs_a_client_certificate() {
        let auth = of(&[("VAULT_AUTH_METHOD", "cert"), ("VAULT_CLIENT_CERT", "/c"), ("VAULT_ROLE", "web")]);
        assert!(matches!(auth, Auth::Cert { mount, role: Some(role), .. } if mount == "cert" && role == "web"));
        assert!(refused(&[("VAULT_AUTH_METHOD", "cert")]).contains("VAULT_CLIENT_CERT"));
    }

    #[test]
    fn jwt_and_kubernetes_differ_in_mount_role_and_the_pods_token() {
        let auth = of(&[("VAULT_JWT", "j")]);
        assert!(matches!(auth, Auth::Jwt { method: "jwt", mount, role, .. } if mount == "jwt" && role.is_empty()));
        let auth = of(&[("VAULT_AUTH_METHOD", "kubernetes"), ("VAULT_ROLE", "app")]);
        let Auth::Jwt { method: "kubernetes", mount, role, jwt } = auth else { panic!("no kubernetes") };
        assert_eq!((mount.as_str(), role.as_str()), ("kubernetes", "app"));
        assert_eq!(show(&jwt), "file /var/run/secrets/kubernetes.io/serviceaccount/token");
        assert!(refused(&[("VAULT_AUTH_METHOD", "kubernetes")]).contains("VAULT_ROLE"));
        assert!(refused(&[("VAULT_AUTH_METHOD", "jwt"), ("VAULT_ROLE", "r")]).contains("VAULT_JWT"));
    }

    #[test]
    fn an_unknown_method_or_a_method_without_credentials_is_refused() {
        assert!(refused(&[("VAULT_AUTH_METHOD", "ldap"), ("VAULT_TOKEN", "t")]).starts_with("VAULT_AUTH_METHOD"));
        assert!(refused(&[("VAULT_AUTH_METHOD", "token"), ("VAULT_ROLE_ID", "r")]).contains("VAULT_TOKEN"));
        assert!(refused(&[("VAULT_AUTH_METHOD", "approle"), ("VAULT_TOKEN", "t")]).contains("VAULT_ROLE_ID"));
    }

    #[test]
    fn a_text_takes_precedence_over_its_file_with_a_warning() {
        let (auth, warnings) = with_warnings(&[("VAULT_TOKEN", "t"), ("VAULT_TOKEN_FILE", "/t")]).unwrap();
        assert!(matches!(auth, Auth::Token(source) if show(&source.value) == "t"));
        assert_eq!(warnings, ["VAULT_TOKEN and VAULT_TOKEN_FILE are both set; VAULT_TOKEN is used, unset one of them"]);
    }

    #[test]
    fn a_token_keeps_the_name_under_which_it_was_set() {
        let (auth, warnings) =
            with_warnings(&[("BAO_TOKEN", "t"), ("VAULT_TOKEN_FILE", "/t"), ("VAULT_ROLE_ID", "r")]).unwrap();
        assert!(matches!(auth, Auth::Token(Named { variable: "BAO_TOKEN", .. })));
        assert!(warnings[0].starts_with("BAO_TOKEN and VAULT_TOKEN_FILE are both set; BAO_TOKEN is used"));
        assert!(warnings[1].starts_with("BAO_TOKEN and VAULT_ROLE_ID are both set"), "{warnings:?}");
    }
}
