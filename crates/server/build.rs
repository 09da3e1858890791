//! Rebuilds the server when the pages it carries have changed.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Debug builds read the pages from the folder; watching it would rebuild the server for every new page.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        // A path that does not exist would count as changed every time, so until there are pages their folder is watched.
        let pages = std::path::Path::new("../../packages/web/dist");
        let watched = if pages.exists() { pages } else { std::path::Path::new("../../packages/web") };
        println!("cargo::rerun-if-changed={}", watched.display());
    }
}
