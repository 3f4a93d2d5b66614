//! The configuration files as settings: file, line, key, value.
