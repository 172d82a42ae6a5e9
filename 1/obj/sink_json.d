1/obj/sink_json.o: tracer/sink_json.c tracer/sink_memo.h tracer/sink.h \
 tracer/fields.h bpf/event.h tracer/outbuf.h
tracer/sink_memo.h:
tracer/sink.h:
tracer/fields.h:
bpf/event.h:
tracer/outbuf.h:
