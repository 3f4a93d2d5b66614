//! Images: whether one is present, what it says of itself, and how it is pulled.

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use testcontainers::bollard::query_parameters::CreateImageOptionsBuilder;

use super::{
    Docker, RuntimeError,
    docker::{is_absent, refused},
};
use crate::deployment::ImageReference;

/// What an image says of itself by its labels; an upstream image says none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// The version of the engine inside.
    pub version: Option<String>,
    /// The edition, where the engine has several.
    pub edition: Option<String>,
    /// What stands in for the engine, in words, where it is not the engine itself.
    pub stand_in: Option<String>,
    /// Size on disk, in bytes.
    pub size: u64,
}

impl Docker {
    /// What the image says of itself; `None` where it is not present.
    pub async fn image_facts(&self, image: &ImageReference) -> Result<Option<ImageFacts>, RuntimeError> {
        match self.client.inspect_image(&image.to_string()).await {
            Ok(inspected) => {
                let labels = inspected.config.and_then(|config| config.labels).unwrap_or_default();
                let label = |name: &str| labels.get(name).filter(|value| !value.is_empty()).cloned();
                Ok(Some(ImageFacts {
                    version: label("suho.version"),
                    edition: label("suho.edition"),
                    stand_in: label("suho.stand-in"),
                    size: inspected.size.and_then(|size| size.try_into().ok()).unwrap_or_default(),
                }))
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(refused(format!("inspect image {image}"))(error)),
        }
    }

    /// The id of the image that a name stands for; `None` where it is not present.
    pub async fn image_id(&self, image: &ImageReference) -> Result<Option<String>, RuntimeError> {
        match self.client.inspect_image(&image.to_string()).await {
            Ok(inspected) => Ok(inspected.id),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(refused(format!("inspect image {image}"))(error)),
        }
    }

    /// The name under which a pinned image is present: its own, or the one that it was loaded under.
    pub async fn present_as(
        &self,
        image: &ImageReference,
    ) -> Result<Option<(ImageReference, ImageFacts)>, RuntimeError> {
        for name in [Some(image.clone()), image.loaded()].into_iter().flatten() {
            if let Some(facts) = self.image_facts(&name).await? {
                return Ok(Some((name, facts)));
            }
        }
        Ok(None)
    }

    /// Pulls an image by its digest, or by its tag where it is not pinned.
    pub async fn pull(&self, image: &ImageReference) -> Result<(), RuntimeError> {
        let options = CreateImageOptionsBuilder::new()
            .from_image(image.repository())
            .tag(tag_or_digest(image))
            .build();
        self.client
            .create_image(Some(options), None, None)
            .try_for_each(|_progress| async { Ok(()) })
            .await
            .map_err(refused(format!("pull image {image}")))
    }
}

/// The engine takes the one or the other; a tag with its digest is an invalid tag to it.
fn tag_or_digest(image: &ImageReference) -> &str {
    image.digest().unwrap_or_else(|| image.tag())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::image::ImageReferenceError;

    #[test]
    fn a_pinned_image_is_pulled_by_its_digest_alone() -> Result<(), ImageReferenceError> {
        let digest = format!("sha256:{}", "0".repeat(64));

        assert_eq!(tag_or_digest(&format!("nats:2.14.7-alpine@{digest}").parse()?), digest);
        assert_eq!(tag_or_digest(&"nats:2.14.7-alpine".parse()?), "2.14.7-alpine");
        Ok(())
    }
}
