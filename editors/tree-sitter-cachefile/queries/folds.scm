[(block) (map) (list) (arguments) (multiline_string)] @fold
