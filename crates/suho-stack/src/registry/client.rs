//! The requests to a registry: manifests and blobs, with a token where one is asked for, from a mirror where there is one.

use std::{collections::BTreeMap, time::Duration};

use reqwest::{
    Response, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, RANGE},
    redirect::Policy,
};
use tokio::sync::Mutex;

use super::{
    Digest, Mirror, RegistryError, Tell, Transfer,
    host::{Place, may_be_asked},
    manifest::{LARGEST_MANIFEST, Manifest},
    patience::Patience,
    token::{Challenge, granted, quote, refused},
};
use crate::{
    causes::in_full,
    deployment::{ImageReference, Pin, Secret},
};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Between two pieces of an answer.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
const REDIRECTS: usize = 10;

/// A client of registries.
#[derive(Debug)]
pub struct Client {
    /// By way of the proxy that the environment names, if it names one.
    far: reqwest::Client,
    /// For this machine, where no proxy has a part in it.
    near: reqwest::Client,
    mirrors: Vec<Mirror>,
    /// By place and repository.
    tokens: Mutex<BTreeMap<String, Secret>>,
}

/// A manifest as it was served.
#[derive(Debug, Clone)]
pub struct Served {
    /// To the byte.
    pub bytes: Vec<u8>,
    /// The kind that the registry tells.
    pub media_type: Option<String>,
}

impl Client {
    /// A client that asks the `mirrors` of a registry, in their order, before the registry.
    pub fn new(mirrors: Vec<Mirror>) -> Result<Self, RegistryError> {
        Ok(Self {
            far: builder().build().map_err(RegistryError::Https)?,
            near: builder().no_proxy().build().map_err(RegistryError::Https)?,
            mirrors,
            tokens: Mutex::default(),
        })
    }

    /// The manifest of `digest` in the repository of a pin: the bytes that hash to it, or an error.
    pub async fn manifest(&self, pin: &Pin, digest: &Digest, tell: Tell<'_>) -> Result<Served, RegistryError> {
        let what = named(&pin.image, digest);
        let served = self.served(pin, &digest.to_string(), Some(digest), tell).await?;
        tell(Transfer::Manifest {
            image: what,
            digest: digest.clone(),
        });
        Ok(served)
    }

    /// What the tag of an image names now.
    pub async fn tagged(&self, pin: &Pin, tell: Tell<'_>) -> Result<Served, RegistryError> {
        match self.served(pin, pin.image.tag(), None, tell).await {
            Err(RegistryError::Gone { registry, .. }) => Err(RegistryError::NoTag {
                registry,
                image: format!("{}:{}", pin.image.repository(), pin.image.tag()),
            }),
            other => other,
        }
    }

    /// The mirrors of a registry, and then the registry itself.
    pub(super) fn places(&self, image: &ImageReference) -> Result<(Vec<Place>, Place), RegistryError> {
        let mirrors = self.mirrors.iter().filter(|mirror| mirror.registry == image.registry());
        Ok((
            mirrors.map(|mirror| Place::at(mirror, image)).collect(),
            Place::of(image)?,
        ))
    }

    /// The answer that a blob begins with, from its byte `at`.
    pub(super) async fn blob(
        &self,
        place: &Place,
        pin: &Pin,
        digest: &Digest,
        at: u64,
    ) -> Result<Response, RegistryError> {
        let range = (at > 0).then(|| format!("bytes={at}-"));
        let header = range.as_deref().map(|range| (RANGE.as_str(), range));
        self.get(place, pin, "blobs", &digest.to_string(), header).await
    }

    async fn served(
        &self,
        pin: &Pin,
        reference: &str,
        digest: Option<&Digest>,
        tell: Tell<'_>,
    ) -> Result<Served, RegistryError> {
        let (mirrors, registry) = self.places(&pin.image)?;
        for mirror in mirrors {
            match self.served_by(&mirror, pin, reference, digest, tell).await {
                Ok(served) => return Ok(served),
                Err(error) => tell(mirror_failed(&mirror, &error)),
            }
        }
        self.served_by(&registry, pin, reference, digest, tell).await
    }

    async fn served_by(
        &self,
        place: &Place,
        pin: &Pin,
        reference: &str,
        digest: Option<&Digest>,
        tell: Tell<'_>,
    ) -> Result<Served, RegistryError> {
        let mut patience = Patience::new();
        loop {
            match self.manifest_once(place, pin, reference, digest).await {
                Ok(served) => return Ok(served),
                Err(error) => patience.after(error, tell).await?,
            }
        }
    }

    async fn manifest_once(
        &self,
        place: &Place,
        pin: &Pin,
        reference: &str,
        digest: Option<&Digest>,
    ) -> Result<Served, RegistryError> {
        let accepted = Manifest::accepted();
        let accept = Some((ACCEPT.as_str(), accepted.as_str()));
        let response = self.get(place, pin, "manifests", reference, accept).await?;
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let media_type = header(CONTENT_TYPE.as_str()).filter(|kind| kind.starts_with("application/vnd."));
        // A tag has no digest of its own to hold the bytes against, but the registry says which it means.
        let told = header("docker-content-digest").and_then(|digest| digest.parse().ok());
        let bytes = whole(response, place, reference).await?;
        match digest.or(told.as_ref()) {
            Some(digest) if Digest::of(&bytes) != *digest => Err(RegistryError::OtherBytes {
                registry: place.name.clone(),
                what: named(&pin.image, digest),
                found: Digest::of(&bytes),
            }),
            _ => Ok(Served { bytes, media_type }),
        }
    }

    /// An answer of success, for which a token is fetched where the registry asks for one.
    async fn get(
        &self,
        place: &Place,
        pin: &Pin,
        kind: &str,
        reference: &str,
        header: Option<(&str, &str)>,
    ) -> Result<Response, RegistryError> {
        let url = place.url(kind, reference);
        let key = place.url("", "");
        let token = self.tokens.lock().await.get(&key).cloned();
        let mut response = self.send(&url, token.as_ref(), header).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let challenge = Challenge::of(&response).ok_or_else(|| refused(place, "401, and no word of a token"))?;
            let token_url = challenge.url(place)?;
            let token = granted(self.send(token_url.as_str(), None, None).await?, place).await?;
            // A registry may have sent on to another, to which the token belongs.
            let asking = response.url().to_string();
            response = self.send(&asking, Some(&token), header).await?;
            self.tokens.lock().await.insert(key, token);
        }
        match response.status() {
            status if status.is_success() => Ok(response),
            StatusCode::NOT_FOUND => Err(RegistryError::Gone {
                registry: place.name.clone(),
                what: gone(&pin.image, reference),
                service: pin.services.first().cloned().unwrap_or_default(),
            }),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(refused(place, &format!("{status} with the token that everybody gets")))
            }
            status => Err(RegistryError::Status {
                url,
                status,
                body: quote(&response.text().await.unwrap_or_default()),
            }),
        }
    }

    async fn send(
        &self,
        url: &str,
        token: Option<&Secret>,
        header: Option<(&str, &str)>,
    ) -> Result<Response, RegistryError> {
        let parsed: Url = url.parse().map_err(|error| RegistryError::Malformed {
            what: url.to_owned(),
            reason: format!("{error}"),
        })?;
        if !may_be_asked(&parsed) {
            return Err(RegistryError::PlainHttp { url: url.to_owned() });
        }
        let client = if parsed.scheme() == "http" {
            &self.near
        } else {
            &self.far
        };
        let mut request = client.get(parsed);
        if let Some(token) = token {
            request = request.bearer_auth(token.expose());
        }
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        request.send().await.map_err(|source| RegistryError::Unreachable {
            url: url.to_owned(),
            // The error would name the address again, which may hold a signature.
            source: source.without_url(),
        })
    }
}

fn builder() -> reqwest::ClientBuilder {
    // Registries send to their stores of blobs; the token stays behind where that is another host.
    let policy = Policy::custom(|attempt| {
        if attempt.previous().len() > REDIRECTS {
            attempt.error("too many redirects")
        } else if may_be_asked(attempt.url()) {
            attempt.follow()
        } else {
            attempt.error("it sends to plain HTTP on another machine, which is not spoken")
        }
    });
    reqwest::Client::builder()
        .user_agent(concat!("suho/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_LIMIT)
        .read_timeout(SILENCE_LIMIT)
        .redirect(policy)
}

/// A body that is small enough to be a manifest.
async fn whole(mut response: Response, place: &Place, reference: &str) -> Result<Vec<u8>, RegistryError> {
    let mut bytes = Vec::new();
    let broken = |bytes: &[u8], reason| RegistryError::Broken {
        registry: place.name.clone(),
        what: format!("the manifest {reference}"),
        at: bytes.len() as u64,
        size: 0,
        reason,
    };
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok(bytes),
            Err(error) => return Err(broken(&bytes, in_full(&error.without_url()))),
        }
        if bytes.len() as u64 > LARGEST_MANIFEST {
            return Err(RegistryError::Malformed {
                what: format!("the manifest {reference} of {}", place.repository),
                reason: format!("it is larger than {LARGEST_MANIFEST} bytes"),
            });
        }
    }
}

pub(super) fn mirror_failed(mirror: &Place, error: &RegistryError) -> Transfer {
    Transfer::MirrorFailed {
        mirror: mirror.name.clone(),
        reason: in_full(error),
    }
}

/// `nats:2@sha256:…`, whatever of that image the digest is of.
pub(super) fn named(image: &ImageReference, digest: &Digest) -> String {
    let digest = digest.to_string();
    if image.digest() == Some(&digest) {
        image.to_string()
    } else {
        format!("{digest} of {}:{}", image.repository(), image.tag())
    }
}

fn gone(image: &ImageReference, reference: &str) -> String {
    match reference.parse() {
        Ok(digest) => named(image, &digest),
        Err(_) => image.to_string(),
    }
}
