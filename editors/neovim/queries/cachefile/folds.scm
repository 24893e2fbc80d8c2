; Written from editors/tree-sitter-cachefile/queries/folds.scm by editors/generate.
[(block) (map) (list) (arguments) (multiline_string)] @fold
