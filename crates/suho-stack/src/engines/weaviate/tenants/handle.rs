//! What a program does with its collections.

use reqwest::Method;
use serde_json::{Value, json};

use super::super::super::tenancy::{Room, Tenancy, WayIn};
use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::{API_KEY, Collections, PREFIX, collections, names};

/// A tenant's collections: those whose names begin with its prefix.
///
/// ```no_run
/// # async fn example(endpoint: suho_stack::engines::Endpoint, room: suho_stack::engines::tenancy::Room)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use serde_json::json;
/// use suho_stack::engines::weaviate::{Method, WeaviateTenant};
///
/// let vectors = WeaviateTenant::new(endpoint, room);
/// let properties = json!({"properties": [{"name": "symbol", "dataType": ["text"]}]});
/// let instrument = vectors.create_collection("Instrument", properties).await?;
/// let gold = json!({"class": instrument, "properties": {"symbol": "XAU"}, "vector": [0.5, 1.0]});
/// vectors.request(Method::POST, "/v1/objects", Some(&gold)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct WeaviateTenant {
    endpoint: Endpoint,
    room: Room,
}

impl WeaviateTenant {
    /// The tenant whose `room` was made at `endpoint`.
    #[must_use]
    pub fn new(endpoint: Endpoint, room: Room) -> Self {
        Self { endpoint, room }
    }

    /// The base of every request: `http://127.0.0.1:40004`.
    pub fn url(&self) -> Result<String, EngineError> {
        client::url(&self.endpoint)
    }

    /// How programs and people get in.
    pub fn way_in(&self) -> Result<WayIn, EngineError> {
        Collections.way_in(&self.endpoint, &self.room)
    }

    /// The key of the tenant's user; the service user's where the server knows no others.
    #[must_use]
    pub fn api_key(&self) -> &str {
        self.room.get(API_KEY)
    }

    /// What the names of the tenant's collections begin with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.room.get(PREFIX)
    }

    /// The tenant's collection `name`, as the server knows it; an error for what cannot be a name.
    ///
    /// ```
    /// use suho_stack::engines::{Endpoint, Place, tenancy::{Room, TenantName}, weaviate::WeaviateTenant};
    ///
    /// # let endpoint = Endpoint {
    /// #     service: "suho-weaviate".to_owned(),
    /// #     place: Place::Host,
    /// #     host: "127.0.0.1".to_owned(),
    /// #     ports: [(8080, 40004)].into(),
    /// #     environment: [].into(),
    /// # };
    /// let room = Room::new(TenantName::random()).with("prefix", "T0123456789abcdef_");
    /// let tenant = WeaviateTenant::new(endpoint, room);
    /// assert_eq!(tenant.collection("Instrument").ok().as_deref(), Some("T0123456789abcdef_Instrument"));
    /// assert!(tenant.collection("../Instrument").is_err());
    /// ```
    pub fn collection(&self, name: &str) -> Result<String, EngineError> {
        if names::is_name(name) {
            return Ok(format!("{}{name}", self.prefix()));
        }
        let expected = "at most 200 letters, digits and underscores";
        Err(self
            .endpoint
            .unexpected("name a collection", expected, format!("{name:?}")))
    }

    /// Creates the collection `name` as `definition` says, and returns the name by which the server knows it.
    pub async fn create_collection(&self, name: &str, mut definition: Value) -> Result<String, EngineError> {
        let collection = self.collection(name)?;
        definition["class"] = json!(collection);
        let caller = client::connect_with(&self.endpoint, self.api_key())?;
        collections::create(&caller, &definition).await?;
        Ok(collection)
    }

    /// Asks the server as the tenant; the JSON of an answer of success, null where it has no body.
    pub async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, EngineError> {
        let caller = client::connect_with(&self.endpoint, self.api_key())?;
        caller.ask(method, path, body).await
    }
}
