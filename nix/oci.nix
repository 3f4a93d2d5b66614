# Images out of registries, pinned by nothing but their digests.
#
# A digest is the root of a hash tree: an index names the manifest of each platform, and that its config and layers, each
# by its sha256. So each is a fixed-output derivation whose hash is its digest, and no other hash is ever written down.
{
  pkgs,
  # linux/amd64 or linux/arm64.
  architecture,
  # Registries to be tried first: { "docker.io" = [ "https://mirror.example" ]; }.
  mirrors ? { },
  # The manifests as files, named by their sha256. Those that are not there are fetched while Nix evaluates.
  manifests,
}:
let
  inherit (builtins)
    concatMap
    concatStringsSep
    elem
    filter
    fromJSON
    hashFile
    head
    map
    match
    pathExists
    readFile
    stringLength
    substring
    toJSON
    unsafeDiscardStringContext
    ;

  types = {
    index = [
      "application/vnd.oci.image.index.v1+json"
      "application/vnd.docker.distribution.manifest.list.v2+json"
    ];
    manifest = [
      "application/vnd.oci.image.manifest.v1+json"
      "application/vnd.docker.distribution.manifest.v2+json"
    ];
    config = [
      "application/vnd.oci.image.config.v1+json"
      "application/vnd.docker.container.image.v1+json"
    ];
    layer = [
      "application/vnd.oci.image.layer.v1.tar"
      "application/vnd.oci.image.layer.v1.tar+gzip"
      "application/vnd.oci.image.layer.v1.tar+zstd"
      "application/vnd.docker.image.rootfs.diff.tar.gzip"
    ];
  };

  # `docker.io` is not the name of the host that serves it, and only a loopback registry is asked without TLS.
  addresses =
    image:
    let
      host = if image.registry == "docker.io" then "registry-1.docker.io" else image.registry;
      loopback = match "(127[.][0-9.]+|localhost)(:[0-9]+)?" host != null;
    in
    mirrors.${image.registry} or [ ] ++ [ "http${if loopback then "" else "s"}://${host}" ];

  fetch =
    image: kind: descriptor:
    let
      hex = hexOf image descriptor.digest;
    in
    # Its name tells nothing of the image, so that images share what they have in common.
    pkgs.runCommand "oci-${substring 0 12 hex}"
      {
        outputHashMode = "flat";
        outputHashAlgo = "sha256";
        outputHash = hex;
        nativeBuildInputs = [
          pkgs.curl
          pkgs.jq
        ];
        SSL_CERT_FILE = "${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt";
        impureEnvVars = [
          "http_proxy"
          "https_proxy"
          "all_proxy"
          "no_proxy"
          "NIX_SSL_CERT_FILE"
        ];
        inherit kind;
        inherit (descriptor) digest;
        inherit (image) path reference;
        size = descriptor.size or 0;
        base = concatStringsSep " " (addresses image);
        accept =
          if kind == "manifests" then concatStringsSep ", " (types.index ++ types.manifest) else "*/*";
      }
      ''
        bash ${./fetch-blob.sh}
      '';

  hexOf =
    image: digest:
    let
      found = match "sha256:([0-9a-f]{64})" digest;
    in
    if found == null then throw "${image.reference}: `${digest}` is no sha256 digest" else head found;

  lockedAt = hex: manifests + "/${hex}.json";

  # A manifest's file and what it says: from the lock where it is there, else from the registry, by its hash in both.
  manifestOf =
    image: descriptor:
    let
      hex = hexOf image descriptor.digest;
      locked = lockedAt hex;
      verified =
        if hashFile "sha256" locked == hex then
          locked
        else
          throw "${baseNameOf manifests}/${hex}.json: it is not what it was when its hash became its name; `suho images lock` writes it anew";
      file = if pathExists locked then verified else fetch image "manifests" descriptor;
      text = unsafeDiscardStringContext (readFile file);
      size = stringLength text;
    in
    if descriptor ? size && descriptor.size != size then
      throw "${image.reference}: manifest ${descriptor.digest} has ${toString size} bytes, the index says ${toString descriptor.size}"
    else
      {
        inherit file hex size;
        says = fromJSON text;
      };

  kindOf =
    says:
    if says ? mediaType then
      says.mediaType
    else if says ? manifests then
      head types.index
    else
      head types.manifest;

  known =
    image: what: descriptor:
    if elem descriptor.mediaType types.${what} then
      descriptor
    else
      throw "${image.reference}: ${what} ${descriptor.digest} is of an unknown type, ${descriptor.mediaType}";

  # What an index has for the wanted platform.
  fittingOf =
    index:
    filter (
      entry: entry.platform.os or "" == "linux" && entry.platform.architecture or "" == architecture
    ) (index.manifests or [ ]);

  # The manifest of the wanted platform, out of an index or by itself.
  resolve =
    image:
    let
      pinned = manifestOf image { digest = "sha256:${image.hex}"; };
      kind = kindOf pinned.says;
      fitting = fittingOf pinned.says;
      platforms = map (
        entry: "${entry.platform.os or "?"}/${entry.platform.architecture or "?"}"
      ) pinned.says.manifests;
      chosen = manifestOf image (known image "manifest" (head fitting));
    in
    if elem kind types.manifest then
      pinned // { inherit kind; }
    else if !elem kind types.index then
      throw "${image.reference}: the pinned digest is of an unknown type, ${kind}"
    else if fitting == [ ] then
      throw "${image.reference}: there is none for linux/${architecture}, only for ${concatStringsSep ", " platforms}"
    else
      chosen // { kind = kindOf chosen.says; };

  # Everything of which an image consists, each with the file that holds it.
  partsOf =
    image:
    let
      manifest = resolve image;
      blob =
        what: descriptor:
        let
          checked = known image what descriptor;
        in
        {
          hex = hexOf image checked.digest;
          inherit (checked) size;
          file = fetch image "blobs" checked;
        };
    in
    {
      inherit (image) reference loadedName;
      inherit manifest;
      config = blob "config" manifest.says.config;
      layers = map (blob "layer") manifest.says.layers;
    };

  pathOf = blob: "blobs/sha256/${blob.hex}";

  # One archive that `docker load` takes and that is an OCI image layout, the same to the last bit wherever it is made.
  archive =
    name: images:
    let
      all = map partsOf images;
      blobs = concatMap (
        parts:
        [
          parts.manifest
          parts.config
        ]
        ++ parts.layers
      ) all;
      index = {
        schemaVersion = 2;
        mediaType = head types.index;
        manifests = map (parts: {
          mediaType = parts.manifest.kind;
          digest = "sha256:${parts.manifest.hex}";
          inherit (parts.manifest) size;
          platform = {
            inherit architecture;
            os = "linux";
          };
          annotations = {
            "io.containerd.image.name" = parts.loadedName;
            "org.opencontainers.image.ref.name" = parts.loadedName;
          };
        }) all;
      };
      forDocker = map (parts: {
        Config = pathOf parts.config;
        RepoTags = [ parts.loadedName ];
        Layers = map pathOf parts.layers;
      }) all;
    in
    pkgs.runCommand "${name}.tar"
      {
        nativeBuildInputs = [ pkgs.jq ];
        # One line for each blob: its path, its size, its file. Passed by files, for there may be hundreds.
        blobs = concatStringsSep "" (
          map (blob: "${pathOf blob} ${toString blob.size} ${blob.file}\n") blobs
        );
        configs = concatStringsSep "" (map (parts: "${parts.reference} ${pathOf parts.config}\n") all);
        index = toJSON index;
        forDocker = toJSON forDocker;
        layout = toJSON { imageLayoutVersion = "1.0.0"; };
        passAsFile = [
          "blobs"
          "configs"
          "index"
          "forDocker"
          "layout"
        ];
        inherit architecture;
        passthru = {
          loadedNames = map (image: image.loadedName) images;
          manifests = map (parts: parts.manifest.file) all;
        };
      }
      ''
        bash ${./pack-images.sh}
      '';
in
{
  inherit archive;
  # Whether the lock has all that Nix has to know of an image, so that evaluation fetches nothing.
  isLocked =
    image:
    let
      has = hex: pathExists (lockedAt hex);
      children = fittingOf (fromJSON (readFile (lockedAt image.hex)));
    in
    has image.hex && builtins.all (entry: has (hexOf image entry.digest)) children;
}
