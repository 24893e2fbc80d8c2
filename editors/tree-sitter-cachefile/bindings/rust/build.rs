//! Compiles the parser, which `editors/generate` made.

fn main() {
    let files = ["src/parser.c", "src/scanner.c"];
    cc::Build::new().std("c11").include("src").files(files).compile("tree-sitter-cachefile");
    for file in files {
        println!("cargo:rerun-if-changed={file}");
    }
}
