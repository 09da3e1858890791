//! Rebuilds the server when the pages it carries have changed.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Debug builds read the pages from the folder; watching it would rebuild the server for every new page.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=../../packages/web/dist");
    }
}
