//! The token that a registry asks for, which everybody is given for what is public.

use reqwest::{Response, Url, header::WWW_AUTHENTICATE};
use serde::Deserialize;

use super::{RegistryError, host::Place, host::may_be_asked};
use crate::{causes::in_full, deployment::Secret};

/// As much of a refusal as is quoted.
const QUOTE: usize = 200;

/// What a registry wants to see a token of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    realm: String,
    service: Option<String>,
    scope: Option<String>,
}

/// Services of tokens call it the one or the other, or both.
#[derive(Deserialize)]
struct Granted {
    token: Option<String>,
    access_token: Option<String>,
}

impl Challenge {
    /// The first challenge of an answer that asks for a bearer's token.
    pub fn of(refused: &Response) -> Option<Self> {
        refused
            .headers()
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .find_map(Self::read)
    }

    fn read(header: &str) -> Option<Self> {
        let challenges = http_auth::parse_challenges(header).ok()?;
        let bearer = challenges
            .iter()
            .find(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer"))?;
        let parameter = |name: &str| {
            let found = bearer.params.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        Some(Self {
            realm: parameter("realm")?,
            service: parameter("service"),
            scope: parameter("scope"),
        })
    }

    /// Where the token is to be had; `place` is what it is for.
    pub fn url(&self, place: &Place) -> Result<Url, RegistryError> {
        let scope = self.scope.clone();
        let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", place.repository));
        let service = self.service.as_deref().map(|service| ("service", service));
        let query = service.into_iter().chain([("scope", scope.as_str())]);
        let url = Url::parse_with_params(&self.realm, query)
            .map_err(|error| refused(place, &format!("it sends to `{}` for a token: {error}", self.realm)))?;
        if may_be_asked(&url) {
            Ok(url)
        } else {
            Err(RegistryError::PlainHttp { url: url.to_string() })
        }
    }
}

/// The token in an answer of the service of tokens.
pub(super) async fn granted(response: Response, place: &Place) -> Result<Secret, RegistryError> {
    let status = response.status();
    let body = response
        .text()
        .await
        .map_err(|error| refused(place, &in_full(&error)))?;
    if status.is_server_error() || status.as_u16() == 429 {
        return Err(RegistryError::Status {
            url: format!("the service of tokens of {}", place.name),
            status,
            body: quote(&body),
        });
    }
    if !status.is_success() {
        return Err(refused(place, &format!("{status}: {}", quote(&body))));
    }
    let granted: Option<Granted> = serde_json::from_str(&body).ok();
    let token = granted.and_then(|granted| granted.token.or(granted.access_token));
    token
        .map(Secret::new)
        .ok_or_else(|| refused(place, "the answer to the request for a token holds none"))
}

pub(super) fn refused(place: &Place, reason: &str) -> RegistryError {
    RegistryError::Token {
        registry: place.name.clone(),
        image: place.repository.clone(),
        reason: reason.to_owned(),
    }
}

/// The beginning of an answer, in one line.
pub(super) fn quote(body: &str) -> String {
    let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(QUOTE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_found_among_others() {
        let header =
            r#"Basic realm="x", Bearer realm="https://auth.example/token",service="a b",scope="repository:c/d:pull""#;

        let challenge = Challenge::read(header);

        let expected = Challenge {
            realm: "https://auth.example/token".to_owned(),
            service: Some("a b".to_owned()),
            scope: Some("repository:c/d:pull".to_owned()),
        };
        assert_eq!(challenge, Some(expected));
        assert_eq!(Challenge::read("Basic realm=\"x\""), None);
        assert_eq!(Challenge::read("Bearer service=\"x\""), None);
        assert_eq!(Challenge::read("{}"), None);
    }

    #[test]
    fn no_token_is_fetched_in_the_clear() -> Result<(), Box<dyn std::error::Error>> {
        let place = Place::of(&"a.example/b:1".parse()?)?;
        let challenge = |realm: &str| Challenge {
            realm: realm.to_owned(),
            service: None,
            scope: None,
        };
        let url = challenge("https://a.example/token").url(&place)?;
        assert_eq!(url.as_str(), "https://a.example/token?scope=repository%3Ab%3Apull");
        assert!(matches!(
            challenge("http://a.example/token").url(&place),
            Err(RegistryError::PlainHttp { .. })
        ));
        assert!(matches!(
            challenge("token").url(&place),
            Err(RegistryError::Token { .. })
        ));
        Ok(())
    }
}
