# Holds Ruby's grpc against a running server: stubs made from the descriptor set in ARGV[0].

require 'google/protobuf'
require 'grpc'
require 'json'
require 'timeout'

LARGE = 1_400_000
TOO_LARGE = 1_600_000
MANY = 100
DEADLINE_SECONDS = 0.5
PATIENCE_SECONDS = 60

# A set is its files one after the other, each as field 1 with its length before it.
def each_file(set)
  at = 0
  until at == set.bytesize
    raise 'a descriptor set holds files only' unless set.getbyte(at) == 0x0a

    at += 1
    length = shift = 0
    loop do
      byte = set.getbyte(at)
      at += 1
      length |= (byte & 0x7f) << shift
      shift += 7
      break if byte < 0x80
    end
    yield set.byteslice(at, length)
    at += length
  end
end

POOL = Google::Protobuf::DescriptorPool.generated_pool
each_file(File.binread(ARGV[0])) { |file| POOL.add_serialized_file(file) }

def message(name, package = 'etcdserverpb')
  POOL.lookup("#{package}.#{name}").msgclass
end

# What is inside of others: Ruby finds the class of a field's message only once it was asked for.
# Kept, since it forgets those that nobody has.
INSIDE = [
  *%w[ResponseHeader ResponseOp RequestOp Compare Member WatchCreateRequest WatchCancelRequest
      PutRequest RangeRequest DeleteRangeRequest TxnRequest PutResponse RangeResponse
      DeleteRangeResponse TxnResponse].map { |name| message(name) },
  message('KeyValue', 'mvccpb'), message('Event', 'mvccpb'), message('Permission', 'authpb')
].freeze

# A message of etcdserverpb with these fields.
def m(name, **fields)
  message(name).new(**fields)
end

def service(name, unary, streams = {})
  Class.new do
    include GRPC::GenericService
    self.marshal_class_method = :encode
    self.unmarshal_class_method = :decode
    self.service_name = "etcdserverpb.#{name}"
    unary.each do |method, prefix = ''|
      rpc method, message("#{prefix}#{method}Request"), message("#{prefix}#{method}Response")
    end
    streams.each do |method, type|
      rpc method, stream(message("#{type}Request")), stream(message("#{type}Response"))
    end
  end.rpc_stub_class
end

AUTH = %i[AuthEnable AuthDisable Authenticate].map { |method| [method] } +
       %i[UserAdd UserGrantRole RoleAdd RoleGrantPermission].map { |method| [method, 'Auth'] }

SERVICES = {
  kv: service('KV', [[:Put], [:DeleteRange], [:Range], [:Txn]]),
  watch: service('Watch', [], Watch: 'Watch'),
  lease: service('Lease', [[:LeaseGrant], [:LeaseRevoke], [:LeaseTimeToLive]],
                 LeaseKeepAlive: 'LeaseKeepAlive'),
  auth: service('Auth', AUTH.map { |method, prefix| [method, prefix || ''] }),
  cluster: service('Cluster', [[:MemberList]]),
  maintenance: service('Maintenance', [[:Status]])
}.freeze

SIZES = { 'grpc.max_receive_message_length' => -1, 'grpc.max_send_message_length' => -1 }.freeze

# All services of a place.
def connect(place, credentials = :this_channel_is_insecure)
  SERVICES.transform_values { |stub| stub.new(place, credentials, channel_args: SIZES) }
end

DIRECT = connect(ENV.fetch('CLIENT_DIRECT'))
THROUGH = connect(ENV.fetch('CLIENT_THROUGH'))

def same(found, wanted)
  raise "#{found.inspect[0, 300]} instead of #{wanted.inspect[0, 300]}" unless found == wanted
end

def say(line)
  $stdout.puts(JSON.generate(line))
  $stdout.flush
end

# Have the proxy cut, stall or flow.
def ask(what)
  say(do: what)
  same($stdin.gets, "done\n")
end

def refused(kind, details = nil)
  yield
  raise 'it was answered'
rescue GRPC::BadStatus => e
  same([e.class, details && e.details], [kind, details])
end

def put(key, value, **more)
  DIRECT[:kv].put(m('PutRequest', key: key, value: value, **more)).header.revision
end

def find(key, **more)
  DIRECT[:kv].range(m('RangeRequest', key: key, **more))
end

def below(prefix)
  { key: "#{prefix}/", range_end: "#{prefix}0" }
end

# A call of two directions: requests are sent one by one, answers are waited for.
class Talk
  def initialize(stub, method)
    @requests = Queue.new
    requests = Enumerator.new { |out| while (request = @requests.pop) do out << request end }
    @call = stub.public_send(method, requests, return_op: true)
    @answers = @call.execute
  end

  def send(request)
    @requests << request
  end

  def next
    Timeout.timeout(PATIENCE_SECONDS) { @answers.next }
  end

  def close
    @requests << nil
    @call.cancel
  end
end

# A watcher that was answered already.
def watching(stubs, **create)
  talk = Talk.new(stubs[:watch], :watch)
  talk.send(m('WatchRequest', create_request: m('WatchCreateRequest', **create)))
  same(talk.next.created, true)
  talk
end

# So many events of a watcher, each as text.
def told(talk, count)
  found = []
  while found.size < count
    talk.next.events.each do |event|
      before = event.prev_kv && " was #{event.prev_kv.value}"
      found << "#{event.type} #{event.kv.key}=#{event.kv.value}#{before}"
    end
  end
  found
end

CHECKS = {
  put: lambda {
    first = put('put/a', '1')
    same(put('put/a', '2'), first + 1)
    before = DIRECT[:kv].put(m('PutRequest', key: 'put/a', value: '3', prev_kv: true)).prev_kv
    same([before.value, before.version, before.mod_revision], ['2', 2, first + 1])
    refused(GRPC::InvalidArgument, 'etcdserver: key is not provided') { put('', 'x') }
  },
  get: lambda {
    revision = put('get/a', '1')
    put('get/a', '2')
    now = find('get/a').kvs[0]
    same([now.value, now.create_revision, now.version], ['2', revision, 2])
    same(find('get/a', revision: revision).kvs[0].value, '1')
    same(find('get/none').count, 0)
  },
  prefix: lambda {
    5.times { |number| put("prefix/#{number}", number.to_s) }
    all = DIRECT[:kv].range(m('RangeRequest', **below('prefix')))
    same(all.kvs.map(&:value), %w[0 1 2 3 4])
    page = m('RangeRequest', **below('prefix'), limit: 2, sort_order: :DESCEND)
    page = DIRECT[:kv].range(page)
    same([page.kvs.map(&:value), page.more, page.count], [%w[4 3], true, 5])
    same(DIRECT[:kv].delete_range(m('DeleteRangeRequest', **below('prefix'))).deleted, 5)
  },
  txn: lambda {
    put('txn/a', '1')
    op = ->(kind, name, **more) { m('RequestOp', kind => m(name, key: 'txn/a', **more)) }
    swap = m(
      'TxnRequest',
      compare: [m('Compare', key: 'txn/a', target: :VALUE, result: :EQUAL, value: '1')],
      success: [op[:request_put, 'PutRequest', value: '2'], op[:request_range, 'RangeRequest']],
      failure: [op[:request_delete_range, 'DeleteRangeRequest']]
    )
    answer = DIRECT[:kv].txn(swap)
    same([answer.succeeded, answer.responses[1].response_range.kvs[0].value], [true, '2'])
    answer = DIRECT[:kv].txn(swap)
    same([answer.succeeded, answer.responses[0].response_delete_range.deleted], [false, 1])
  },
  watch: lambda {
    wanted = ['PUT watch/a=1', 'PUT watch/a=2 was 1', 'DELETE watch/a= was 2']
    now = watching(DIRECT, **below('watch'), prev_kv: true)
    revision = put('watch/a', '1')
    put('watch/a', '2')
    DIRECT[:kv].delete_range(m('DeleteRangeRequest', key: 'watch/a'))
    same(told(now, 3), wanted)
    now.close
    past = watching(DIRECT, **below('watch'), prev_kv: true, start_revision: revision)
    same(told(past, 3), wanted)
    past.close
  },
  resume: lambda {
    found = []
    3.times do |number|
      revision = put('resume/a', number.to_s)
      talk = watching(THROUGH, **below('resume'), start_revision: revision)
      found += told(talk, 1)
      ask('cut')
      refused(GRPC::Unavailable) { talk.next }
    end
    same(found, ['PUT resume/a=0', 'PUT resume/a=1', 'PUT resume/a=2'])
    'no resume of its own: watched again from the next revision'
  },
  lease: lambda {
    granted = DIRECT[:lease].lease_grant(m('LeaseGrantRequest', TTL: 60))
    same(granted.TTL, 60)
    id = granted.ID
    put('lease/a', '1', lease: id)
    talk = Talk.new(DIRECT[:lease], :lease_keep_alive)
    2.times do
      talk.send(m('LeaseKeepAliveRequest', ID: id))
      answer = talk.next
      same([answer.ID, answer.TTL], [id, 60])
    end
    talk.close
    left = DIRECT[:lease].lease_time_to_live(m('LeaseTimeToLiveRequest', ID: id, keys: true))
    same([left.grantedTTL, left.keys.to_a], [60, ['lease/a']])
    DIRECT[:lease].lease_revoke(m('LeaseRevokeRequest', ID: id))
    same(find('lease/a').count, 0)
  },
  deadline: lambda {
    request = m('RangeRequest', key: 'deadline/none')
    THROUGH[:kv].range(request)
    ask('stall')
    refused(GRPC::DeadlineExceeded) do
      THROUGH[:kv].range(request, deadline: Time.now + DEADLINE_SECONDS)
    end
    ask('flow')
    same(THROUGH[:kv].range(request).count, 0)
  },
  cancel: lambda {
    request = m('RangeRequest', key: 'cancel/none')
    THROUGH[:kv].range(request)
    ask('stall')
    call = THROUGH[:kv].range(request, return_op: true)
    running = Thread.new { refused(GRPC::Cancelled) { call.execute } }
    running.report_on_exception = false
    Thread.pass until running.stop?
    call.cancel
    running.join
    ask('flow')
    same(THROUGH[:kv].range(request).count, 0)
    talk = watching(DIRECT, **below('cancel'))
    talk.send(m('WatchRequest', cancel_request: m('WatchCancelRequest', watch_id: 0)))
    same(talk.next.canceled, true)
    put('cancel/a', '1')
    talk.send(m('WatchRequest', create_request: m('WatchCreateRequest', key: 'x')))
    same(talk.next.created, true)
    talk.close
  },
  large: lambda {
    value = (0..249).to_a.pack('C*') * (LARGE / 250)
    put('large', value)
    same(find('large').kvs[0].value == value, true)
    refused(GRPC::InvalidArgument, 'etcdserver: request is too large') do
      put('large', 'x' * TOO_LARGE)
    end
  },
  concurrent: lambda {
    before = put('concurrent', '')
    calls = Array.new(MANY) { |number| Thread.new { put("concurrent/#{number}", '') } }
    same(calls.map(&:value).sort, (before + 1..before + MANY).to_a)
    same(DIRECT[:kv].range(m('RangeRequest', **below('concurrent'))).count, MANY)
  },
  members: lambda {
    members = DIRECT[:cluster].member_list(m('MemberListRequest')).members
    same(members.map(&:name), ['default'])
    status = DIRECT[:maintenance].status(m('StatusRequest'))
    same([status.version, status.leader], ['3.7.3', members[0].ID])
  },
  tls: lambda {
    files = %w[CA KEY CERT].map { |name| File.read(ENV.fetch("CLIENT_#{name}")) }
    credentials = GRPC::Core::ChannelCredentials.new(*files)
    secure = connect(ENV.fetch('CLIENT_SECURE'), credentials)[:kv]
    secure.put(m('PutRequest', key: 'tls', value: '1'))
    same(secure.range(m('RangeRequest', key: 'tls')).kvs[0].value, '1')
  },
  auth: lambda {
    auth = DIRECT[:auth]
    login = lambda { |name, password|
      { token: auth.authenticate(m('AuthenticateRequest', name: name, password: password)).token }
    }
    permission = message('Permission', 'authpb').new(permType: :READWRITE, **below('alice'))
    auth.user_add(m('AuthUserAddRequest', name: 'root', password: 'r'))
    auth.user_grant_role(m('AuthUserGrantRoleRequest', user: 'root', role: 'root'))
    auth.user_add(m('AuthUserAddRequest', name: 'alice', password: 'a'))
    auth.role_add(m('AuthRoleAddRequest', name: 'writer'))
    auth.role_grant_permission(
      m('AuthRoleGrantPermissionRequest', name: 'writer', perm: permission)
    )
    auth.user_grant_role(m('AuthUserGrantRoleRequest', user: 'alice', role: 'writer'))
    auth.auth_enable(m('AuthEnableRequest'))
    refused(GRPC::InvalidArgument, 'etcdserver: user name is empty') { find('alice/a') }
    failed = 'etcdserver: authentication failed, invalid user ID or password'
    refused(GRPC::InvalidArgument, failed) { login['alice', 'wrong'] }
    alice = login['alice', 'a']
    root = login['root', 'r']
    set = lambda { |key, value, who|
      DIRECT[:kv].put(m('PutRequest', key: key, value: value), metadata: who)
    }
    set['alice/a', '1', alice]
    found = DIRECT[:kv].range(m('RangeRequest', key: 'alice/a'), metadata: alice)
    same(found.kvs[0].value, '1')
    refused(GRPC::PermissionDenied, 'etcdserver: permission denied') { set['bob/a', '1', alice] }
    set['bob/a', '2', root]
    auth.auth_disable(m('AuthDisableRequest'), metadata: root)
    same(find('bob/a').kvs[0].value, '2')
  }
}.freeze

ENV.fetch('CLIENT_CHECKS').split(',').each do |name|
  note = CHECKS.fetch(name.to_sym).call
  say(note.is_a?(String) ? { check: name, ok: true, note: note } : { check: name, ok: true })
rescue StandardError => e
  warn e.full_message(highlight: false)
  say(check: name, ok: false, detail: "#{e.class}: #{e.message}")
end
