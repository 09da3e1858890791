//! The live pages, as Vite built them into `packages/web/dist`.
//!
//! A release build carries them inside; a debug build reads them from that folder, so that a new page needs no new build of
//! the server. Without a built page there is one plain page that says so.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use http_body_util::Full;
use rust_embed::{EmbeddedFile, RustEmbed};
use sluicegate_endpoint::Response;
use std::fmt::Write;

#[derive(RustEmbed)]
#[folder = "../../packages/web/dist"]
#[allow_missing = true]
struct Built;

const NOT_BUILT: &str = include_str!("pages/not_built.html");

/// Scripts and everything else come from this server alone, with two exceptions: the component library writes styles into
/// the page, and not every browser takes WebSockets for a part of 'self'.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self' ws: wss:; font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SECURITY: [(HeaderName, HeaderValue); 4] = [
    (http::header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (http::header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (http::header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

/// A file of the pages.
#[derive(Debug)]
pub struct Page {
    content: Bytes,
    content_type: String,
    cache_control: &'static str,
    etag: String,
}

impl Page {
    /// The page at `path`; `/` always has one.
    pub fn at(path: &str) -> Option<Self> {
        let name = match path.strip_prefix('/')? {
            "" => "index.html",
            name => name,
        };
        match Built::get(name) {
            Some(file) => Some(Self::built(name, file)),
            None if name == "index.html" => Some(Self::not_built()),
            None => None,
        }
    }

    fn built(name: &str, file: EmbeddedFile) -> Self {
        let content_type = match file.metadata.mimetype() {
            text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
            other => other.to_owned(),
        };
        // Vite puts a hash of the content into the names of everything under assets/; the other names stay the same.
        let cache_control =
            if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
        let etag = etag(&file.metadata.sha256_hash());
        Self { content: file.data.into_owned().into(), content_type, cache_control, etag }
    }

    fn not_built() -> Self {
        Self {
            content: Bytes::from_static(NOT_BUILT.as_bytes()),
            content_type: "text/html; charset=utf-8".into(),
            cache_control: "no-store",
            etag: "\"not-built\"".into(),
        }
    }

    /// The page itself, or 304 where the browser has it.
    pub fn respond(self, request: &HeaderMap) -> Response {
        let known = request
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|tag| tag.trim().trim_start_matches("W/") == self.etag));
        let mut response = if known {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            Response::new(Full::new(self.content))
        };
        let headers = response.headers_mut();
        headers.extend(SECURITY);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(self.cache_control));
        for (name, value) in [(CONTENT_TYPE, &self.content_type), (ETAG, &self.etag)] {
            headers.insert(name, HeaderValue::from_str(value).expect("media types and hex digits are visible ASCII"));
        }
        response
    }
}

fn etag(hash: &[u8; 32]) -> String {
    // Sixteen of the bytes tell versions of a page apart well enough.
    let hex = hash[..16].iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    format!("\"{hex}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_a_built_page_says_how_to_get_one() {
        let page = Page::not_built();
        let text = std::str::from_utf8(&page.content).unwrap();
        assert!(text.contains("make run"), "{text}");
        assert_eq!(page.respond(&HeaderMap::new()).headers()[CACHE_CONTROL], "no-store");
    }

    #[test]
    fn a_browser_that_has_the_page_is_told_so() {
        for (tag, expected) in [
            ("\"not-built\"", StatusCode::NOT_MODIFIED),
            ("W/\"not-built\"", StatusCode::NOT_MODIFIED),
            ("\"a\", \"not-built\"", StatusCode::NOT_MODIFIED),
            ("\"a\"", StatusCode::OK),
        ] {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(tag))]);
            assert_eq!(Page::not_built().respond(&headers).status(), expected, "{tag}");
        }
    }

    #[test]
    fn only_the_pages_own_files_are_found() {
        for path in ["/nothing", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "nothing", ""] {
            assert!(Page::at(path).is_none(), "{path}");
        }
        assert!(Page::at("/").is_some());
    }
}
