//! A database with a user of its own.

use reqwest::Method;
use serde_json::{Value, json};

use super::super::super::asking::prove_and_remove;
use super::super::super::http::{Caller, Credentials};
use super::super::super::scratch::Scratch;
use super::super::super::{EngineError, Evidence, Subject};
use super::super::client;
use super::scene::{DATABASES, Scene};

/// The user who is created along with a database sees that one alone; a database that is dropped is gone.
pub async fn own_user(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint)?;
    let user = Scratch::new();
    let removal = async {
        scene.drop_database().await?;
        let removing = format!("remove the user {}", user.name);
        scene.remove(&format!("/_api/user/{}", user.name), &removing).await
    };
    let proof = async {
        let users = json!([{"username": user.name, "passwd": user.value, "active": true}]);
        scene.create(json!({"name": scene.name, "users": users})).await?;
        sees_its_own(&scene, &user).await?;
        scene.drop_database().await?;
        is_gone(&scene).await?;
        Evidence::proved("created, listed, seen as the only one by its user, and dropped")
    };
    prove_and_remove(subject.endpoint, Box::pin(proof), removal).await
}

async fn sees_its_own(scene: &Scene<'_>, user: &Scratch) -> Result<(), EngineError> {
    let endpoint = scene.endpoint;
    let credentials = Credentials::Basic(&user.name, &user.value);
    let caller = Caller::new(endpoint, client::url(endpoint)?, Some(credentials))?;
    let listing = "list the databases of the new user";
    let path = format!("/_db/{}/_api/database/user", scene.name);
    let seen = caller.send(Method::GET, &path, listing).await?;
    endpoint.expect(listing, &json!([scene.name]), &seen["result"])
}

async fn is_gone(scene: &Scene<'_>) -> Result<(), EngineError> {
    let listing = "list the databases after one was dropped";
    let caller = client::connect(scene.endpoint)?;
    let databases = caller.send(Method::GET, DATABASES, listing).await?;
    let Some(names) = databases["result"].as_array() else {
        return Err(scene.endpoint.unexpected(listing, "a list", databases.to_string()));
    };
    if names.contains(&Value::from(scene.name.as_str())) {
        return Err(scene.endpoint.unexpected(listing, "all but it", databases.to_string()));
    }
    Ok(())
}
