[(comment) (description)] @comment
[(string) (multiline_string)] @string
