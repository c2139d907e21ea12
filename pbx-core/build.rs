//! A new migration is compiled in: cargo does not see the folder by itself.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
