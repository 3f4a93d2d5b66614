# The part of YAML in which the compose files of this deployment are written: block mappings and sequences, flow ones on
# one line, quoted and plain scalars, anchors, aliases and merge keys. Anything else is an error with its line.
#
# Every scalar is a string, as the file spells it.
let
  inherit (builtins)
    any
    concatLists
    elemAt
    filter
    foldl'
    genList
    head
    isList
    length
    listToAttrs
    match
    split
    stringLength
    substring
    tail
    ;

  reader =
    text:
    let
      lines = filter (line: match " *(#.*)?" line.text == null) (
        numbered (filter (part: !isList part) (split "\n" text))
      );
      numbered =
        texts:
        genList (index: rec {
          number = index + 1;
          text = elemAt texts index;
          indent = stringLength (head (match "( *).*" text));
          content = substring indent (stringLength text - indent) text;
        }) (length texts);

      fail = line: reason: throw "line ${toString line.number}: ${reason}: ${line.text}";

      # A line with those below it that are indented deeper: an entry of a mapping or a sequence.
      entriesOf =
        lines:
        let
          indent = (head lines).indent;
          grow =
            entries: line:
            if line.indent > indent && entries != [ ] then
              [ (head entries ++ [ line ]) ] ++ tail entries
            else if line.indent == indent then
              [ [ line ] ] ++ entries
            else
              fail line "this is indented like nothing above it";
          # The newest entry comes first while they grow.
          reversed = foldl' grow [ ] lines;
        in
        genList (index: elemAt reversed (length reversed - 1 - index)) (length reversed);

      block =
        lines:
        if match "- .*" (head lines).content != null then
          map item (entriesOf lines)
        else
          mapping (map field (entriesOf lines));

      item =
        entry:
        let
          found = match "- +(.*)" (head entry).content;
        in
        if found == null then
          fail (head entry) "a sequence goes on with `- `"
        else if tail entry != [ ] then
          fail (head entry) "an item of a sequence has to be on one line"
        else
          node (head entry) (head found) [ ];

      field =
        entry:
        let
          line = head entry;
          found = match "([^][{}'\":,]+): *(.*)" line.content;
        in
        if found == null then
          fail line "neither `key: value` nor `- item`"
        else
          {
            name = head found;
            value = node line (elemAt found 1) (tail entry);
          };

      # Fields of its own count more than those merged in.
      mapping =
        fields:
        let
          merged = filter (field: field.name == "<<") fields;
          own = filter (field: field.name != "<<") fields;
        in
        foldl' (all: field: all // field.value) { } merged // listToAttrs own;

      # What stands behind a key: `&anchor`, then an alias, a value on the line, or the lines below.
      node =
        line: text: below:
        let
          anchored = match "&[A-Za-z0-9_-]+ *(.*)" text;
          alias = match "[*]([A-Za-z0-9_-]+) *(#.*)?" text;
          value = flow line false text;
        in
        if anchored != null then
          node line (head anchored) below
        else if alias != null then
          anchors.${head alias} or (fail line "nothing above is called `${head alias}`")
        else if match "(#.*)?" text != null then
          (if below == [ ] then null else block below)
        else if below != [ ] then
          fail (head below) "this belongs to nothing"
        else if match " *(#.*)?" value.rest == null then
          fail line "`${value.rest}` is too much"
        else
          value.value;

      # Lazily: an alias asks for the one that it names.
      anchors = listToAttrs (
        concatLists (
          genList (
            index:
            let
              line = elemAt lines index;
              found = match "[^:]+: *&([A-Za-z0-9_-]+)( .*)?" line.content;
              rest = if elemAt found 1 == null then "" else head (match " *(.*)" (elemAt found 1));
            in
            if found == null then
              [ ]
            else
              [
                {
                  name = head found;
                  value = node line rest (below line.indent (index + 1));
                }
              ]
          ) (length lines)
        )
      );
      below =
        indent: index:
        if index < length lines && (elemAt lines index).indent > indent then
          [ (elemAt lines index) ] ++ below indent (index + 1)
        else
          [ ];

      # One value, and what is left of the line after it. Within brackets a plain scalar ends at a comma or a bracket.
      flow =
        line: within: text:
        let
          double = match "\"(([^\"\\\\]|\\\\.)*)\"(.*)" text;
          single = match "'(([^']|'')*)'(.*)" text;
          plain = match (if within then "([^],}]*)(.*)" else "(.*)()") text;
          # A comment begins with a blank before it.
          uncommented = match "((.*[^ ])?) +#.*" (head plain);
          trimmed = match "(.*[^ ]|) *" (if uncommented == null then head plain else head uncommented);
        in
        if match "\\[.*" text != null then
          items line [ ] (skip (rest 1 text))
        else if match "\\{.*" text != null then
          fields line [ ] (skip (rest 1 text))
        else if double != null then
          {
            value = builtins.fromJSON "\"${head double}\"";
            rest = elemAt double 2;
          }
        else if single != null then
          {
            value = builtins.replaceStrings [ "''" ] [ "'" ] (head single);
            rest = elemAt single 2;
          }
        else if
          any (mark: substring 0 1 text == mark) [
            "\""
            "'"
            "|"
            ">"
            "!"
            "%"
            "@"
            "`"
          ]
        then
          fail line "this is not read here"
        else
          {
            value = head trimmed;
            rest = elemAt plain 1;
          };
      rest = count: text: substring count (stringLength text) text;
      skip = text: head (match " *(.*)" text);

      items =
        line: done: text:
        let
          next = flow line true text;
          after = skip next.rest;
        in
        if substring 0 1 text == "]" then
          {
            value = done;
            rest = rest 1 text;
          }
        else if substring 0 1 after == "," then
          items line (done ++ [ next.value ]) (skip (rest 1 after))
        else if substring 0 1 after == "]" then
          items line (done ++ [ next.value ]) after
        else
          fail line "a `]` is missing";

      fields =
        line: done: text:
        let
          found = match "([^][{}'\":, ]+): +(.*)" text;
          next = flow line true (elemAt found 1);
          after = skip next.rest;
          all = done ++ [
            {
              name = head found;
              inherit (next) value;
            }
          ];
        in
        if substring 0 1 text == "}" then
          {
            value = listToAttrs done;
            rest = rest 1 text;
          }
        else if found == null then
          fail line "neither `key: value` nor `}`"
        else if substring 0 1 after == "," then
          fields line all (skip (rest 1 after))
        else if substring 0 1 after == "}" then
          fields line all after
        else
          fail line "a `}` is missing";
    in
    if lines == [ ] then null else block lines;
in
reader
