# The pins of a deployment, read out of its compose files: { postgresql = { name, tag, digest, registry, … }; … }.
{
  # What the compose files say of each service.
  services,
  # Other pins in place of those of the files: { nats-server = "nats:2.15.1-alpine@sha256:…"; }.
  overrides ? { },
}:
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    elemAt
    filter
    genList
    hasAttr
    head
    listToAttrs
    mapAttrs
    match
    replaceStrings
    stringLength
    substring
    ;
  # A service has an image of its own where the variable bears its name; the one-shots use that of their engine.
  pinned = concatMap (
    service:
    let
      found = match "\\$\\{SUHO_([A-Z_]+)_IMAGE:-([^}]*)}" services.${service}.image;
      name = replaceStrings (upper ++ [ "_" ]) (lower ++ [ "-" ]) (head found);
    in
    if found == null then
      throw "the compose files: the image of ${service} is not \${SUHO_…_IMAGE:-name:tag@sha256:…}"
    else if service == "suho-${name}" then
      [
        {
          inherit name;
          value = {
            # What substitutes it in compose.
            variable = "SUHO_${head found}_IMAGE";
            reference = elemAt found 1;
          };
        }
      ]
    else
      [ ]
  ) (attrNames services);
  upper = characters "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  lower = characters "abcdefghijklmnopqrstuvwxyz";
  characters = text: genList (index: substring index 1 text) (stringLength text);

  pins = listToAttrs pinned;
  unknown = filter (name: !hasAttr name pins) (attrNames overrides);

  parse =
    variable: reference:
    let
      found = match "([a-z0-9][a-z0-9._:/-]*):([A-Za-z0-9_][A-Za-z0-9._-]*)@sha256:([0-9a-f]{64})" reference;
      repository = head found;
      hosted = match "([^/]*[.:][^/]*|localhost)/(.+)" repository;
      registry = if hosted == null then "docker.io" else head hosted;
      bare = if hosted == null then repository else elemAt hosted 1;
    in
    if found == null then
      throw "`${reference}` is no pin: write name:tag@sha256:<64 lower-case hexadecimal digits>"
    else
      rec {
        inherit variable reference repository;
        tag = elemAt found 1;
        hex = elemAt found 2;
        inherit registry;
        # The path in that registry.
        path = if registry == "docker.io" && match ".*/.*" bare == null then "library/${bare}" else bare;
        # `docker load` cannot set a digest, so a loaded image bears it in its tag.
        loadedName = "${repository}:${tag}.sha256-${hex}";
      };
in
if unknown != [ ] then
  throw "no image is called ${concatStringsSep ", " unknown}; there are ${concatStringsSep ", " (attrNames pins)}"
else
  mapAttrs (name: pin: parse pin.variable (overrides.${name} or pin.reference)) pins
