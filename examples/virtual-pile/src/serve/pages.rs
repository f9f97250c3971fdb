//! The pages: the bench's own, compiled in, and the phone app's, from the folder it was built to.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

/// What the bench may load: its own files, and nothing written into them.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; \
    base-uri 'none'; form-action 'none'";
/// The phone app runs a WebAssembly module, keeps itself for later, and shows what a camera sees.
const PHONE_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; \
    connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-ancestors 'self'; \
    base-uri 'none'; form-action 'none'";

/// What is sent.
pub(super) struct Page {
    pub kind: &'static str,
    pub body: Cow<'static, [u8]>,
    pub policy: &'static str,
}

impl Page {
    pub(super) fn new(kind: &'static str, body: Vec<u8>) -> Self {
        Self {
            kind,
            body: Cow::Owned(body),
            policy: POLICY,
        }
    }

    const fn of(kind: &'static str, text: &'static str) -> Self {
        Self {
            kind,
            body: Cow::Borrowed(text.as_bytes()),
            policy: POLICY,
        }
    }
}

/// Where pages come from.
pub(super) struct Pages {
    /// The folder of the built phone app.
    pub phone: PathBuf,
}

macro_rules! asset {
    ($kind:literal, $file:literal) => {
        Page::of($kind, include_str!(concat!("../../assets/bench/", $file)))
    };
}

impl Pages {
    /// The page at a path.
    pub(super) fn page(&self, path: &str) -> Option<Page> {
        Some(match path {
            "/" | "/index.html" => asset!("text/html; charset=utf-8", "index.html"),
            "/bench.css" => asset!("text/css; charset=utf-8", "bench.css"),
            "/bench.js" => asset!("text/javascript; charset=utf-8", "bench.js"),
            "/wall.js" => asset!("text/javascript; charset=utf-8", "wall.js"),
            "/guide.js" => asset!("text/javascript; charset=utf-8", "guide.js"),
            "/ledger.js" => asset!("text/javascript; charset=utf-8", "ledger.js"),
            "/words.js" => asset!("text/javascript; charset=utf-8", "words.js"),
            "/icon.svg" | "/favicon.ico" => asset!("image/svg+xml", "icon.svg"),
            "/absent.css" => asset!("text/css; charset=utf-8", "absent.css"),
            "/absent.js" => asset!("text/javascript; charset=utf-8", "absent.js"),
            "/bench/phone" => {
                let ready = self.phone.join("index.html").is_file();
                let body = serde_json::json!({ "ready": ready }).to_string();
                Page::new("application/json", body.into_bytes())
            }
            "/phone" | "/phone/" | "/phone/index.html" => self
                .file("index.html")
                .unwrap_or_else(|| asset!("text/html; charset=utf-8", "absent.html")),
            _ => self.file(path.strip_prefix("/phone/")?)?,
        })
    }

    /// A file of the phone app; nothing outside of its folder.
    fn file(&self, below: &str) -> Option<Page> {
        let below = Path::new(below);
        let inside = below
            .components()
            .all(|it| matches!(it, Component::Normal(_)));
        if !inside {
            return None;
        }
        let folder = self.phone.canonicalize().ok()?;
        let path = folder.join(below).canonicalize().ok()?;
        if !path.starts_with(&folder) || !path.is_file() {
            return None;
        }
        let body = std::fs::read(&path).ok()?;
        let extension = path.extension().and_then(|it| it.to_str());
        Some(Page {
            kind: kind(extension.unwrap_or_default()),
            body: Cow::Owned(body),
            policy: PHONE_POLICY,
        })
    }
}

fn kind(extension: &str) -> &'static str {
    match extension {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phones_folder_is_left_by_no_path() {
        let folder = tempfile::tempdir().unwrap();
        let phone = folder.path().join("dist");
        std::fs::create_dir(&phone).unwrap();
        std::fs::write(folder.path().join("secret.txt"), "no").unwrap();
        std::fs::write(phone.join("app.js"), "yes").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("secret.txt"), phone.join("link.txt"))
            .unwrap();
        let pages = Pages { phone };
        assert!(pages.page("/phone/app.js").is_some());
        for path in [
            "/phone/../secret.txt",
            "/phone//etc/passwd",
            "/phone/link.txt",
            "/phone/./app.js/../../secret.txt",
            "/secret.txt",
        ] {
            assert!(pages.page(path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_phone_that_is_not_built_has_a_page_that_says_so() {
        let pages = Pages {
            phone: PathBuf::from("/nowhere"),
        };
        let page = pages.page("/phone/").unwrap();
        assert!(String::from_utf8_lossy(&page.body).contains("pilectl phone"));
    }
}
