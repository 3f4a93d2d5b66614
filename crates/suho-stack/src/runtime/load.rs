//! Images loaded out of an archive, which is handed to the engine while it is read.

use std::time::Duration;

use futures::TryStreamExt;
use testcontainers::bollard::query_parameters::ImportImageOptionsBuilder;
use tokio::io::duplex;
use tokio_util::io::ReaderStream;

use super::{Docker, RuntimeError, docker::refused};
use crate::registry::{Archive, RegistryError, Tell, archive::Loadable};

/// The engine answers when it has read the whole archive, which may be of many gigabytes.
const LOAD_LIMIT: Duration = Duration::from_secs(3600);
/// As much as is read ahead of the engine.
const AHEAD: usize = 1 << 20;

impl Docker {
    /// Loads the images of an archive for the platform of the engine, and looks whether each is there afterwards.
    pub async fn load(&self, archive: &Archive, tell: Tell<'_>) -> Result<Vec<Loadable>, RuntimeError> {
        let (layout, loadable) = archive.for_platform(&self.platform().await?).map_err(Box::new)?;
        let (writer, reader) = duplex(AHEAD);
        let client = self.client.clone().with_timeout(LOAD_LIMIT);
        let options = ImportImageOptionsBuilder::new().build();
        let taking = client
            .import_image_stream(options, ReaderStream::new(reader), None)
            .try_for_each(|_progress| async { Ok(()) });
        let (written, taken) = tokio::join!(layout.write(writer, "Docker", tell), taking);
        match (written, taken) {
            (Ok(()), taken) => taken.map_err(refused("load the images"))?,
            // An engine that gives up breaks the writing, and knows why.
            (Err(RegistryError::NotTaken { .. }), Err(taken)) => return Err(refused("load the images")(taken)),
            (Err(written), _) => return Err(Box::new(written).into()),
        }
        for image in &loadable {
            self.verify_loaded(image).await?;
        }
        Ok(loadable)
    }

    async fn verify_loaded(&self, image: &Loadable) -> Result<(), RuntimeError> {
        let found = self
            .image_id(&image.name)
            .await?
            .unwrap_or_else(|| "missing".to_owned());
        if image.ids.iter().any(|id| id.to_string() == found) {
            return Ok(());
        }
        Err(RuntimeError::NotLoaded {
            image: image.name.to_string(),
            found,
            wanted: image.ids[0].to_string(),
        })
    }
}
