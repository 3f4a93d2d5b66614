//! The shape of a compose file, as far as ours use it; whatever else is in one is an error with its line.

use std::fmt;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_saphyr::Spanned;

/// A scalar before its variables are filled in, with its place.
pub type Scalar = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileShape {
    pub name: Option<Scalar>,
    /// Read where the services merge it.
    #[serde(rename = "x-service")]
    pub _service: Option<IgnoredAny>,
    #[serde(default)]
    pub services: IndexMap<String, Spanned<ServiceShape>>,
    #[serde(default)]
    pub networks: IndexMap<String, NetworkShape>,
    #[serde(default)]
    pub volumes: IndexMap<String, ()>,
    #[serde(default)]
    pub secrets: IndexMap<String, SecretShape>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkShape {
    pub name: Scalar,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretShape {
    pub file: Scalar,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceShape {
    pub container_name: Option<Scalar>,
    pub hostname: Option<Scalar>,
    pub image: Option<Scalar>,
    pub build: Option<BuildShape>,
    #[serde(rename = "x-suho-absent")]
    pub absent: Option<Scalar>,
    #[serde(default)]
    pub profiles: Vec<Scalar>,
    pub entrypoint: Option<Vec<Scalar>>,
    pub command: Option<Vec<Scalar>>,
    #[serde(default)]
    pub environment: IndexMap<String, Scalar>,
    #[serde(default)]
    pub volumes: Vec<Scalar>,
    #[serde(default)]
    pub ports: Vec<Scalar>,
    #[serde(default)]
    pub expose: Vec<Scalar>,
    pub healthcheck: Option<HealthCheckShape>,
    #[serde(default)]
    pub depends_on: IndexMap<String, DependencyShape>,
    pub mem_limit: Option<Scalar>,
    pub cpus: Option<Scalar>,
    pub shm_size: Option<Scalar>,
    #[serde(default)]
    pub ulimits: IndexMap<String, Spanned<UlimitShape>>,
    pub stop_grace_period: Option<Scalar>,
    pub stop_signal: Option<Scalar>,
    pub restart: Option<Scalar>,
    pub scale: Option<Scalar>,
    pub logging: Option<LoggingShape>,
    pub networks: Option<Vec<Scalar>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildShape {
    pub context: Scalar,
    #[serde(default)]
    pub secrets: Vec<Scalar>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthCheckShape {
    pub test: Spanned<Vec<Scalar>>,
    pub interval: Scalar,
    pub timeout: Scalar,
    pub retries: Scalar,
    pub start_period: Scalar,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DependencyShape {
    pub condition: Scalar,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggingShape {
    pub driver: Scalar,
    #[serde(default)]
    pub options: IndexMap<String, Scalar>,
}

/// `nofile: {soft: 1, hard: 2}`, or one value for both.
#[derive(Debug)]
pub struct UlimitShape {
    pub soft: String,
    pub hard: String,
}

impl<'de> Deserialize<'de> for UlimitShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UlimitVisitor)
    }
}

struct UlimitVisitor;

impl<'de> Visitor<'de> for UlimitVisitor {
    type Value = UlimitShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or {soft: number, hard: number}")
    }

    fn visit_str<E: Error>(self, both: &str) -> Result<UlimitShape, E> {
        Ok(UlimitShape {
            soft: both.to_owned(),
            hard: both.to_owned(),
        })
    }

    fn visit_i64<E: Error>(self, both: i64) -> Result<UlimitShape, E> {
        self.visit_str(&both.to_string())
    }

    fn visit_u64<E: Error>(self, both: u64) -> Result<UlimitShape, E> {
        self.visit_str(&both.to_string())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<UlimitShape, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Each {
            soft: String,
            hard: String,
        }
        let Each { soft, hard } = Each::deserialize(MapAccessDeserializer::new(map))?;
        Ok(UlimitShape { soft, hard })
    }
}
