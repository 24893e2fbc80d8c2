[(block) (map) (list) (arguments) (parentheses)] @indent.begin

["}" "]" ")"] @indent.branch @indent.end

(multiline_string) @indent.ignore
