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

    /// Pulls an image by its digest.
    pub async fn pull(&self, image: &ImageReference) -> Result<(), RuntimeError> {
        let options = CreateImageOptionsBuilder::new()
            .from_image(image.repository())
            .tag(&image.tag_with_digest())
            .build();
        self.client
            .create_image(Some(options), None, None)
            .try_for_each(|_progress| async { Ok(()) })
            .await
            .map_err(refused(format!("pull image {image}")))
    }
}
