use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Refusal;

/// Entries of a page, unless the caller says, and at the most.
const PER_PAGE: [usize; 2] = [20, 100];

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) page: usize,
    pub(crate) per_page: usize,
}

impl Page {
    pub(crate) fn new(page: Option<usize>, per_page: Option<usize>) -> Result<Self, Refusal> {
        let [usual, most] = PER_PAGE;
        let per_page = per_page.unwrap_or(usual);
        if !(1..=most).contains(&per_page) {
            return Err(Refusal::invalid_uri(&format!(
                "per_page is 1 to {most}, and not {per_page}"
            )));
        }
        Ok(Self {
            page: page.unwrap_or(0),
            per_page,
        })
    }

    /// What of `all` is on it.
    pub(crate) fn of<T>(self, all: Vec<T>) -> Vec<T> {
        let before = self.page.saturating_mul(self.per_page);
        all.into_iter().skip(before).take(self.per_page).collect()
    }
}

/// An object with these of its fields alone, or without them.
pub(super) fn only_fields(
    fields: Option<&str>,
    include: Option<bool>,
    mut object: Map<String, Value>,
) -> Map<String, Value> {
    if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
        let named = |name: &str| fields.split(',').any(|field| field.trim() == name);
        object.retain(|name, _| named(name) == include.unwrap_or(true));
    }
    object
}

/// A page of a list as Auth0 answers it.
pub(crate) fn listed<T: Serialize>(name: &str, all: Vec<T>, page: Page) -> Value {
    let total = all.len();
    told(name, &page.of(all), total, page)
}

/// What is on a page, out of so many, as Auth0 answers it, whose Go leaves out what is zero.
pub(crate) fn told<T: Serialize>(name: &str, on_it: &[T], total: usize, page: Page) -> Value {
    let mut listed = Map::new();
    listed.insert(name.to_owned(), json!(on_it));
    for (name, value) in [
        ("total", total),
        ("page", page.page),
        ("per_page", page.per_page),
    ] {
        if value > 0 {
            listed.insert(name.to_owned(), value.into());
        }
    }
    listed.into()
}
