//! What the platform relies on in Weaviate, and the checks that prove it.
//!
//! # Layout
//! - here: the table of the checks.
//! - [`class`]: a class that nothing else uses, with a few ticks in it.
//! - [`vectors`]: named vectors, distances, keywords and both together.
//! - [`queries`]: filters and aggregates.
//! - [`tenants`]: who sees whose objects.
//! - [`storage`]: backups, and what a restart leaves.

mod class;
pub mod queries;
pub mod storage;
pub mod tenants;
pub mod vectors;

use super::super::proving::Feature;

pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "named-vectors",
        claim: "objects inserted as a batch keep each of their vectors under its name",
        restarts: false,
        check: |subject| Box::pin(vectors::named(subject, &["trend", "shape"])),
    },
    Feature {
        name: "cosine-distance",
        claim: "the nearest by cosine are those that our own arithmetic finds, at the same distances",
        restarts: false,
        check: |subject| Box::pin(vectors::distances(subject, vectors::Arithmetic::Cosine, "cosine")),
    },
    Feature {
        name: "l2-distance",
        claim: "the nearest by squares are those that our own arithmetic finds, at the same distances",
        restarts: false,
        check: |subject| Box::pin(vectors::distances(subject, vectors::Arithmetic::Squares, "l2-squared")),
    },
    Feature {
        name: "hybrid",
        claim: "a hybrid query is a search by keywords at alpha 0, and by vectors at alpha 1",
        restarts: false,
        check: |subject| Box::pin(vectors::hybrid(subject, vectors::Alphas::ENDS)),
    },
    Feature {
        name: "filters",
        claim: "a query returns the objects that its conditions allow, and no other",
        restarts: false,
        check: |subject| Box::pin(queries::filters(subject, queries::Index::Filterable)),
    },
    Feature {
        name: "aggregates",
        claim: "counts, sums, means and extremes of each group are those of the objects",
        restarts: false,
        check: |subject| Box::pin(queries::aggregates(subject, "symbol")),
    },
    Feature {
        name: "multi-tenancy",
        claim: "a tenant sees its own objects and nobody else's",
        restarts: false,
        check: |subject| Box::pin(tenants::apart(subject, tenants::Tenancy::Strict)),
    },
    Feature {
        name: "inactive-tenants",
        claim: "an inactive tenant is refused, and has its objects back when it is active",
        restarts: false,
        check: |subject| Box::pin(tenants::inactive(subject, tenants::Tenancy::Strict)),
    },
    Feature {
        name: "backups",
        claim: "a class that was deleted is restored from its backup, with its vectors",
        restarts: false,
        check: |subject| Box::pin(storage::backups(subject, storage::Included::TheClass)),
    },
    Feature {
        name: "persistence",
        claim: "classes, objects and vectors are there after a restart",
        restarts: true,
        check: |subject| Box::pin(storage::persistence(subject)),
    },
];
