# The image of kube-splice: the control process, its relay, and the programs that write packet rules.
#
#   docker build -t registry.example/kube-splice .    or podman, or buildah; then docs/kubernetes.md
#
# All of it is Debian's and npm's, as package-lock.json has it: Debian's nodejs gets Debian's security updates, so an image that
# is built anew has them.
ARG DEBIAN=docker.io/library/debian:trixie-slim

FROM ${DEBIAN} AS build
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm g++ make
WORKDIR /build
COPY . .
# Without its relay it would install as well: not here.
RUN DESTDIR=/installed PREFIX=/usr ./scripts/install && test -x /installed/usr/lib/kube-splice/kube-splice-relay
# Units, settings and manuals are for hosts.
RUN cd /installed && rm -rf etc usr/lib/systemd usr/lib/sysusers.d usr/share

FROM ${DEBIAN}
# Both variants of iptables, and nft: kube-splice takes the one that the node's other rules are in.
RUN apt-get update -qq && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs iptables nftables && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/* /var/log/apt /var/log/dpkg.log \
      /var/log/alternatives.log
COPY --from=build /installed /
ENV NODE_ENV=production
ENTRYPOINT ["/usr/bin/kube-splice"]
